"""One test for a rule that holds for many cases."""

import inspect


def for_each(cases):
    """Make one test out of a check of one case, which names all the cases that fail.

    A case is the first argument of the check, a tuple the first ones; the others are fixtures.
    """
    cases = [case if isinstance(case, tuple) else (case,) for case in cases]
    assert cases

    def decorate(check):
        def test(**fixtures):
            failures = []
            for case in cases:
                try:
                    check(*case, **fixtures)
                except Exception as error:
                    failures.append(f"{', '.join(map(str, case))}: {type(error).__name__}: {error}")
            assert not failures, "\n\n".join(failures)

        signature = inspect.signature(check)
        fixtures = list(signature.parameters.values())[len(cases[0]) :]
        test.__signature__ = signature.replace(parameters=fixtures)
        test.__name__, test.__doc__, test.__module__ = check.__name__, check.__doc__, check.__module__
        return test

    return decorate
