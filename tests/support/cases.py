"""One test for a rule that holds for many cases."""

import inspect


def for_each(cases):
    """Make one test out of a check of one case, its first argument; it names all the cases that fail."""
    cases = list(cases)

    def decorate(check):
        def test(**fixtures):
            assert cases
            failures = []
            for case in cases:
                try:
                    check(case, **fixtures)
                except Exception as error:
                    failures.append(f"{case}: {type(error).__name__}: {error}")
            assert not failures, "\n\n".join(failures)

        signature = inspect.signature(check)
        test.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])
        test.__name__, test.__doc__, test.__module__ = check.__name__, check.__doc__, check.__module__
        return test

    return decorate
