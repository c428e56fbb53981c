"""The catalogue of mutants agrees with the code: the lines that each mutant replaces are there, and so are its tests."""

from tests.mutants.__main__ import ROOT
from tests.mutants.catalogue import read_catalogue


def test_each_mutant_changes_lines_that_are_in_the_code_once_and_names_tests_that_exist() -> None:
    mutants = list(read_catalogue())
    assert len(mutants) > 60
    assert [str(mutant) for mutant in mutants if not mutant.applies_to(ROOT) or mutant.old == mutant.new] == []
    assert [test for mutant in mutants for test in mutant.tests if not (ROOT / test).exists()] == []
