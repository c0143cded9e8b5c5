"""Statements and proofs: their bytes never change, and a proof holds for its row alone."""

from dataclasses import replace

from envelopes.rules.anchors import NOTHING_BEFORE, Statement, line, prove, root_of

LINES = [line(row_id=7 + n, subject="envelope", subject_id=3, n=1 + n, chained=f"{n:064x}") for n in range(5)]
STATEMENT = Statement(n=1, first=1, last=11, count=5, root=root_of(LINES), previous=NOTHING_BEFORE)


def test_the_statements_bytes_are_what_tokens_were_made_over() -> None:
    assert STATEMENT.canonical() == (
        b'{"count":5,"first":1,"format":"fukan-anchor-1","last":11,"n":1,'
        b'"previous":"0000000000000000000000000000000000000000000000000000000000000000",'
        b'"root":"5112592f5550d847143c6cdccf9673459f64cdb5421bced185b88af47bb16fa9"}'
    )


def test_a_row_is_written_with_everything_that_places_it() -> None:
    assert LINES[0] == "7 envelope 3 1 " + "0" * 64


def test_every_row_is_proved() -> None:
    for index in range(len(LINES)):
        assert prove(LINES, index, STATEMENT).holds


def test_a_proof_for_another_row_or_statement_does_not_hold() -> None:
    proof = prove(LINES, 2, STATEMENT)
    assert not replace(proof, line=LINES[3]).holds
    assert not replace(proof, index=3).holds
    assert not replace(proof, siblings=proof.siblings[:-1]).holds
    assert not replace(proof, siblings=("no hexadecimal", *proof.siblings[1:])).holds
    assert not replace(proof, statement=replace(STATEMENT, root="0" * 64)).holds
    assert not replace(proof, statement=replace(STATEMENT, root="?")).holds
    assert not replace(proof, statement=replace(STATEMENT, count=2)).holds


def test_every_part_of_a_statement_is_timestamped() -> None:
    others = [replace(STATEMENT, **{name: 9}) for name in ("n", "first", "last", "count")]
    others += [replace(STATEMENT, root="1" * 64), replace(STATEMENT, previous="1" * 64)]
    assert len({STATEMENT.imprint, *(one.imprint for one in others)}) == 7
