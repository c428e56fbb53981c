"""Times, texts and authors of every kind that an entry may have, for property tests."""

from hypothesis import strategies as st

from udpnote.model.entry import AUTHOR_BYTES_MAX, UTC_OFFSET_MINUTES_MAX, WRITTEN_AT_MAX, WRITTEN_AT_MIN, is_one_line, is_text

_characters = st.characters(exclude_categories=["Cs"])

moments = st.integers(WRITTEN_AT_MIN, WRITTEN_AT_MAX)
offsets = st.integers(-UTC_OFFSET_MINUTES_MAX, UTC_OFFSET_MINUTES_MAX)
texts = st.text(_characters, min_size=1, max_size=200).filter(lambda text: is_text(text.encode()))
authors = st.text(_characters, min_size=1, max_size=30).filter(
    lambda author: is_one_line(author) and len(author.encode()) <= AUTHOR_BYTES_MAX
)
