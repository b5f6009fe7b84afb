# SPDX-License-Identifier: Apache-2.0
"""Consents are read strictly, and the gate holds everybody to what was allowed on the day."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import InputError
from manifests.rows import Actor, Consent
from pipeline.script import consent

TODAY = date(2026, 11, 22)
ACTOR = Actor(character="MARA", actor="Mara Dahl", portrait="mara.png")
days = st.dates(date(2020, 1, 1), date(2030, 1, 1))


def given_by(subject: str = "Mara Dahl", covers: str = "likeness", **fields: str) -> Consent:
    return Consent(**{"consent_id": "c1", "subject": subject, "covers": covers, **fields})


def refusals(actor: Actor, *consents: Consent, required: bool = True) -> list[str]:
    return [
        str(problem)
        for problem in consent.check_consents(
            [actor], consents, consent.ConsentTerms(on=TODAY, required=required)
        )
    ]


def test_a_sheet_gives_its_consents(tmp_path: Path) -> None:
    sheet = tmp_path / "consents.csv"
    sheet.write_text(
        "consent_id,subject,covers,valid_from,valid_until,revoked_at\n"
        "c1,Mara Dahl,likeness|voice,2026-01-01,2026-12-31T23:59:59Z,\n"
        "c2,Jonas Berg,Voice,,,2026-02-03T10:00:00+02:00\n"
    )
    dates = {"valid_from": "2026-01-01", "valid_until": "2026-12-31"}
    assert consent.read(sheet) == [
        given_by(**dates),
        given_by(covers="voice", **dates),
        Consent(consent_id="c2", subject="Jonas Berg", covers="voice", revoked_at="2026-02-03"),
    ]


def test_every_wrong_cell_is_reported(tmp_path: Path) -> None:
    sheet = tmp_path / "consents.csv"
    sheet.write_text(
        "consent_id,subject,covers,valid_from,valid_until\nc1,,face,1.1.2026,\n"
        "c2,M,voice,2026-02-01,2026-01-01\nc2,M,voice,,\n"
    )
    with pytest.raises(InputError) as caught:
        consent.read(sheet)
    assert [(problem.row, problem.column) for problem in caught.value.problems] == [
        (2, "subject"),
        (2, "covers"),
        (2, "valid_from"),
        (3, "valid_until"),
        (4, "consent_id"),
    ]


def test_nobody_passes_without_a_consent() -> None:
    (refusal,) = refusals(ACTOR, given_by("Marla Dahl"))
    assert "Mara Dahl (character MARA) has no valid consent for likeness on 2026-11-22" in refusal
    assert "did you mean 'Marla Dahl'" in refusal
    assert refusals(ACTOR, given_by("mara  dahl")) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"valid_from": "2026-11-22", "valid_until": "2026-11-22"}, ""),
        ({"revoked_at": "2026-11-23"}, ""),
        ({"revoked_at": "2026-11-22"}, "revoked on 2026-11-22"),
        ({"valid_from": "2026-11-23"}, "starts on 2026-11-23"),
        ({"valid_until": "2026-11-21"}, "ended on 2026-11-21"),
    ],
)
def test_the_day_decides(fields: dict[str, str], reason: str) -> None:
    found = refusals(ACTOR, given_by(**fields))
    assert bool(found) == bool(reason)
    assert not reason or reason in found[0]


@given(days, days, days)
def test_a_consent_holds_from_its_first_to_its_last_day(first: date, last: date, on: date) -> None:
    row = given_by(valid_from=first.isoformat(), valid_until=last.isoformat())
    assert (consent.check_consents([ACTOR], [row], consent.ConsentTerms(on=on)) == []) == (
        first <= on <= last
    )


@given(days, st.integers(0, 2000))
def test_a_revoked_consent_never_holds_again(revoked: date, later: int) -> None:
    row = given_by(revoked_at=revoked.isoformat())
    assert consent.check_consents(
        [ACTOR], [row], consent.ConsentTerms(on=revoked + timedelta(days=later))
    )
    assert not consent.check_consents(
        [ACTOR], [row], consent.ConsentTerms(on=revoked - timedelta(days=1))
    )


def test_a_voice_sample_needs_a_consent_for_the_voice() -> None:
    speaking = Actor(
        character="MARA", actor="Mara Dahl", portrait="mara.png", voice_sample="mara.wav"
    )
    (refusal,) = refusals(speaking, given_by())
    assert "for voice" in refusal
    assert refusals(speaking, given_by(), given_by(covers="voice")) == []


@pytest.mark.parametrize(
    "fields", [{"revoked_at": "2026-03-01"}, {"valid_until": "2026-03-01"}, {"scope": "trailer"}]
)
def test_a_voice_that_is_no_longer_allowed_stops_also_without_a_sample(
    fields: dict[str, str],
) -> None:
    terms = consent.ConsentTerms(on=TODAY, use="episode")
    assert consent.check_consents([ACTOR], [given_by(), given_by(covers="voice")], terms) == []
    (problem,) = consent.check_consents(
        [ACTOR], [given_by(), given_by(covers="voice", **fields)], terms
    )
    assert "no valid consent for voice" in str(problem)


def test_the_consents_that_the_cast_names_are_the_ones_that_count() -> None:
    naming = Actor(character="MARA", actor="Mara Dahl", portrait="mara.png", consent="c1|c2")
    assert refusals(naming, given_by(), given_by(consent_id="c2", covers="voice")) == []
    (unknown,) = refusals(naming, given_by())
    assert "relies on consent 'c2', which is not in this sheet" in unknown
    ended = given_by(valid_until="2026-01-01")
    (refusal,) = refusals(
        naming, ended, given_by(consent_id="c2", covers="voice"), given_by(consent_id="c3")
    )
    assert "c1 ended on 2026-01-01" in refusal


def test_somebody_elses_consent_is_none() -> None:
    naming = Actor(character="MARA", actor="Mara Dahl", portrait="mara.png", consent="c1")
    first, second = refusals(naming, given_by("Jonas Berg"))
    assert "which 'Jonas Berg' gave" in first
    assert "no valid consent for likeness" in second


def test_where_consent_is_not_required_only_a_revoked_one_stops() -> None:
    assert refusals(ACTOR, required=False) == []
    assert refusals(ACTOR, given_by(valid_until="2026-01-01"), required=False) == []
    assert refusals(ACTOR, given_by(revoked_at="2026-01-01"), required=False)


def test_a_consent_holds_for_the_uses_and_places_that_it_names() -> None:
    narrow = given_by(scope="episode | trailer", territory="DE|AT")
    assert (
        consent.check_consents(
            [ACTOR], [narrow], consent.ConsentTerms(on=TODAY, use="Episode", territory="at")
        )
        == []
    )
    assert consent.check_consents([ACTOR], [narrow], consent.ConsentTerms(on=TODAY)) == []
    for use, territory, missing in (
        ("advert", "", "use"),
        ("episode|advert", "", "advert"),
        ("", "US", "territory"),
    ):
        (problem,) = consent.check_consents(
            [ACTOR], [narrow], consent.ConsentTerms(on=TODAY, use=use, territory=territory)
        )
        assert missing in str(problem)
    for wide in ("", "any use", "All Uses"):
        assert (
            consent.check_consents(
                [ACTOR], [given_by(scope=wide)], consent.ConsentTerms(on=TODAY, use="advert")
            )
            == []
        )


def withdrawal(*ids: str, covers: str = "likeness") -> consent.Withdrawal:
    return consent.Withdrawal(
        person="mara dahl", covers=covers, consent_ids=ids, on=TODAY, by="kim"
    )


def test_a_recorded_revocation_outranks_the_sheet_until_a_new_consent_is_given() -> None:
    terms = consent.ConsentTerms(on=TODAY, required=False)
    (problem,) = consent.check_consents(
        [ACTOR], [given_by()], terms, withdrawals=[withdrawal("c1")]
    )
    assert "revoked on 2026-11-22 by kim" in str(problem)
    # also when the sheet forgets it
    assert consent.check_consents([ACTOR], [], terms, withdrawals=[withdrawal("c1")])
    fresh = given_by(consent_id="c9")
    assert (
        consent.check_consents([ACTOR], [given_by(), fresh], terms, withdrawals=[withdrawal("c1")])
        == []
    )


def test_likeness_and_voice_are_withdrawn_apart() -> None:
    terms, both = consent.ConsentTerms(on=TODAY), [given_by(), given_by(covers="voice")]
    (problem,) = consent.check_consents(
        [ACTOR], both, terms, withdrawals=[withdrawal("c1", covers="voice")]
    )
    assert "for voice" in str(problem)
