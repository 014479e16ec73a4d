"""One test for a rule that holds for many cases."""

import inspect
from concurrent.futures import ThreadPoolExecutor

import pytest


def for_each(cases, at_once=False):
    """Make one test out of a check of one case, which names all the cases that fail.

    A case is the first argument of the check, a tuple the first ones; the others are fixtures.
    Cases that mostly wait may do so *at once*, each in a thread of its own; they share the fixtures.
    """
    cases = [case if isinstance(case, tuple) else (case,) for case in cases]
    assert cases

    def decorate(check):
        def test(**fixtures):
            def failure(case):
                try:
                    check(*case, **fixtures)
                except (Exception, pytest.fail.Exception) as error:
                    return f"{', '.join(map(str, case))}: {type(error).__name__}: {error}"
                return None

            if at_once:
                with ThreadPoolExecutor(len(cases)) as pool:
                    failures = list(pool.map(failure, cases))
            else:
                failures = [failure(case) for case in cases]
            assert not any(failures), "\n\n".join(filter(None, failures))

        signature = inspect.signature(check)
        fixtures = list(signature.parameters.values())[len(cases[0]) :]
        test.__signature__ = signature.replace(parameters=fixtures)
        test.__name__, test.__doc__, test.__module__ = check.__name__, check.__doc__, check.__module__
        return test

    return decorate
