"""What the query engine says in its own words or names: no error that the server answers may hold any of it."""
import pathlib
import re

_LIST = pathlib.Path(__file__).parent / "fuzz" / "engine_words.h"
_WORDS = re.compile("|".join(re.findall(r'R"\((.+)\)"', _LIST.read_text())))


def engine_words_in(text):
    """The first such words in the text of an error; None when there are none."""
    found = _WORDS.search(text)
    return found.group() if found else None
