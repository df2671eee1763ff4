import pytest

from bench.recovery.domains import arithmetic, code, writing


@pytest.mark.parametrize("domain", [code, arithmetic, writing])
def test_a_domains_questions_are_as_many_as_asked_for_and_differ(domain):
    questions = domain(64, 1)
    assert len({each.question for each in questions}) == len(questions) == 64
    assert questions == domain(64, 1) != domain(64, 2)


def test_sums_are_right_at_every_step():
    for each in arithmetic(64, 0):
        for equation in each.answer.rstrip(".").split(", and "):
            left, right = equation.split(" = ")
            assert sum(map(int, left.split(" + "))) == int(right)
        a, b = each.question.removeprefix("What is ").rstrip("?").split(" + ")
        assert each.answer.endswith(f"= {int(a) + int(b)}.")


def test_functions_are_python_that_does_what_was_asked():
    for each in code(64, 0):
        scope: dict = {}
        exec(each.answer, scope)
        name = each.question.split()[4]
        assert isinstance(scope[name](3), int)
