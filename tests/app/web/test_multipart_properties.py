from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import BadUserInput, PayloadTooLarge
from tests.app.web.multipart_bodies import BOUNDARY, body_of, open_form, read_all

DELIMITER = f"\r\n--{BOUNDARY}".encode()
# Contents that come as near to a delimiter as they may.
NEAR_DELIMITERS = st.lists(
    st.sampled_from([b"\r", b"\n", b"-", b"\r\n", b"\r\n-", b"\r\n--", DELIMITER[:-1], DELIMITER[1:], b"x", b"\0"]),
    max_size=30,
).map(b"".join)
CONTENTS = st.one_of(st.binary(max_size=300), NEAR_DELIMITERS).filter(lambda data: DELIMITER not in b"\r\n" + data)
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters='"%\r\n\\', exclude_categories=["Cs"]), min_size=1, max_size=50
)


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> list[bytes]:
    """The body, cut at any places; a server may also hand out nothing."""
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=20)))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


@settings(deadline=None, max_examples=150)
@given(st.data())
async def test_a_good_body_says_the_same_however_it_is_cut(data: st.DataObject) -> None:
    contents = data.draw(st.lists(CONTENTS, min_size=1, max_size=4))
    names = data.draw(st.lists(NAMES, min_size=len(contents), max_size=len(contents)))
    body = body_of(*contents, names=names, tail=data.draw(st.sampled_from([b"", b"\r\n"])))
    chunks = data.draw(chunked(body))
    form = await open_form(chunks, length=len(body) if data.draw(st.booleans()) else None)
    first = next(iter(form.files.values())).size_estimate
    assert first is None or len(contents[0]) <= first <= len(body)
    assert await read_all(form) == list(zip(names, contents, strict=True))
    assert form.failure is None


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
async def test_a_damaged_body_gives_a_clean_error_or_whole_files(data: st.DataObject) -> None:
    contents = data.draw(st.lists(CONTENTS, min_size=1, max_size=3))
    body = bytearray(body_of(*contents))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        until = data.draw(st.integers(at, min(len(body), at + 40)))
        patch = data.draw(
            st.one_of(
                st.binary(max_size=20), st.sampled_from([b"", b"\r\n", DELIMITER, DELIMITER + b"--", b'"', b"\xff"])
            )
        )
        body[at:until] = patch
    chunks = data.draw(chunked(bytes(body)))
    try:
        files = await read_all(await open_form(chunks))
    except (BadUserInput, PayloadTooLarge):
        return
    # It may still be a good body, with other contents; then it ends where its closing delimiter is.
    assert bytes(body).rstrip(b"\r\n").endswith(DELIMITER + b"--")
    assert len(files) >= 1


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=500), st.data())
async def test_noise_gives_a_clean_error(noise: bytes, data: st.DataObject) -> None:
    prefix = data.draw(st.sampled_from([b"", DELIMITER[2:], DELIMITER[2:] + b"\r\n", body_of(b"x")[:180]]))
    try:
        await read_all(await open_form(data.draw(chunked(prefix + noise))))
    except (BadUserInput, PayloadTooLarge):
        return
    raise AssertionError("noise was taken for a request")
