"""What the query engine says in its own words or names: no error that the server answers may hold any of it."""
import re

_WORDS = re.compile(
    r"(?:Binder|Catalog|Parser|Conversion|Invalid Input|Out of Range|Out of Memory|Internal|INTERRUPT|IO) Error:"
    r"|Possible solutions|exception_type|exception_message|FROM clause|Candidate bindings|LINE \d+:"
    r"|(?:STDDEV|VAR|COVAR)_(?:SAMP|POP)|HUGEINT|VARCHAR|BIGINT|DuckDB|duckdb|\bk\d+\b|\bk_[a-z]+|read_parquet|rv_scan"
    r"|rivulet!words")


def engine_words_in(text):
    """The first such words in the text of an error; None when there are none."""
    found = _WORDS.search(text)
    return found.group() if found else None
