"""What the names of files, folders and series tell, and names that every system takes."""

import re
from collections.abc import Iterable


def safe_name(text: str) -> str:
    """`text` as a folder's name on every system."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or "unnamed"


def contrast_of(words: Iterable[str]) -> str:
    """The MRI contrast that words of a name tell, such as "T1ce"; empty where they tell none."""
    words = set(words)
    enhanced = words & {"t1ce", "t1c", "t1gd"} or (
        words & {"t1", "t1w", "mprage"} and words & {"ce", "gd", "gado", "contrast", "postcontrast", "post", "km"}
    )
    for contrast, found in (("T1ce", enhanced), ("FLAIR", "flair" in words), ("T1", words & {"t1", "t1w", "mprage"}),
                            ("T2", words & {"t2", "t2w"})):  # fmt: skip
        if found:
            return contrast
    return ""


def words_of(text: str) -> tuple[str, ...]:
    """The words of a name, in lower case: parted at signs, and where small letters meet capitals."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return tuple(re.findall(r"[a-z]+\d*[a-z]*|\d+", parted.lower()))
