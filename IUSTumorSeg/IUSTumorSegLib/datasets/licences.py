"""Under which terms the cases of a study may be used."""

from collections.abc import Iterable

from ..study.case import Case, Licence

CC_BY = Licence("CC BY 4.0", True, "https://creativecommons.org/licenses/by/4.0/")
CC_BY_NC_SA = Licence("CC BY-NC-SA 4.0", False, "https://creativecommons.org/licenses/by-nc-sa/4.0/")
CURIOUS_TERMS = Licence("terms of the CuRIOUS organisers", None, "https://curious2022.grand-challenge.org")
UNKNOWN = Licence("", None)
BETWEEN = " + "


def combined(licences: Iterable[Licence]) -> Licence:
    """The terms of a whole of which each part has its own: all names, and the strictest answer on commercial use."""
    parts = list(dict.fromkeys(licences))
    names = dict.fromkeys(name for part in parts for name in part.name.split(BETWEEN) if name)
    answers = {part.commercial_use for part in parts}
    strictest = False if False in answers else None if None in answers else True
    url = next((part.url for part in parts if part.commercial_use is strictest), "")
    return Licence(BETWEEN.join(names), strictest if parts else None, url)


def licences_of(cases: Iterable[Case]) -> tuple[Licence, ...]:
    """The licences of `cases`, each once, in the order of their names."""
    return tuple(sorted({case.licence for case in cases}, key=lambda licence: licence.name))


def non_commercial_sentence(cases: Iterable[Case]) -> str:
    """What an export that mixes these cases must say of commercial use; empty where all of them permit it."""
    cases = list(cases)
    forbidden = [case for case in cases if case.licence.commercial_use is False]
    unknown = [case for case in cases if case.licence.commercial_use is None]
    if forbidden:
        names = ", ".join(licence.name for licence in licences_of(forbidden))
        return f"No commercial use: {len(forbidden)} of {len(cases)} cases are under {names}."
    if unknown:
        return f"Commercial use is not settled: the terms of {len(unknown)} of {len(cases)} cases are unknown."
    return ""
