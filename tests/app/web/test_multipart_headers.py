import pytest

from app.web.multipart import MultipartError, media_type
from app.web.multipart.headers import boundary_of, parse_disposition, read_head


@pytest.mark.parametrize(
    "content_type, boundary",
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ("multipart/form-data;boundary=abc", b"abc"),
        ("Multipart/Form-Data; Boundary=abc", b"abc"),
        ('multipart/form-data; boundary="abc def"', b"abc def"),
        ("multipart/form-data; boundary=----WebKitFormBoundaryAbC123", b"----WebKitFormBoundaryAbC123"),
        ("multipart/form-data; boundary====abc==", b"===abc=="),
        ("multipart/form-data; charset=utf-8; boundary=abc", b"abc"),
        ('multipart/form-data; charset="UTF-8"; boundary=abc;', b"abc"),
        ("multipart/form-data; boundary=abc ; x=y", b"abc"),
        ("multipart/form-data; boundary=" + "b" * 70, b"b" * 70),
    ],
)
def test_the_boundary_is_read_as_clients_write_it(content_type: str, boundary: bytes) -> None:
    assert media_type(content_type) == "multipart/form-data"
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data;",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        'multipart/form-data; boundary="abc',
        'multipart/form-data; boundary="abc "',
        "multipart/form-data; boundary=a\u00e9b",
        "multipart/form-data; boundary=a<b",
        "multipart/form-data; boundary=abc; boundary=abc",
        "multipart/form-data; boundary=" + "b" * 71,
        "multipart/form-data; boundary=abc; charset=utf-16",
        "multipart/form-data; boundary=abc; nonsense",
    ],
)
def test_a_bad_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(MultipartError):
        boundary_of(content_type)


@pytest.mark.parametrize(
    "value, name, file_name",
    [
        ('form-data; name="0"', "0", None),
        ('form-data; name="0"; filename=""', "0", ""),
        ('form-data; name="0"; filename="a b.txt"', "0", "a b.txt"),
        # Browsers encode three characters and nothing else.
        ('form-data; name="0"; filename="%22a%22%0D%0A.txt"', "0", '"a"\r\n.txt'),
        ('form-data; name="0"; filename="100%25 %20%2F%0d.txt"', "0", "100%25 %20%2F%0d.txt"),
        ('form-data; name="0"; filename="Zürich – 東京 🍓.txt"', "0", "Zürich – 東京 🍓.txt"),
        ('form-data; name="0"; filename="back\\slash.txt"', "0", "back\\slash.txt"),
        ('form-data; name="0"; filename="ends in \\"', "0", "ends in \\"),
        ('form-data; name="0"; filename="semi;colon=x.txt"', "0", "semi;colon=x.txt"),
        # curl --form-escape and older clients escape with a backslash.
        ('form-data; name="0"; filename="say \\"hi\\".txt"', "0", 'say "hi".txt'),
        ('form-data; filename="a\\\\b%22.txt"; name="0"', "0", 'a\\b".txt'),
        ('form-data; filename="C:\\dir\\file.txt"; name="0"', "0", "C:\\dir\\file.txt"),
        # Tokens, other orders, other spacing.
        ("form-data; name=0; filename=a.txt", "0", "a.txt"),
        ('form-data; filename="a.txt"; name="0"', "0", "a.txt"),
        ('Form-Data;name="0";FileName="a.txt"', "0", "a.txt"),
        ('form-data; name="0"; filename="a.txt"; size=12;', "0", "a.txt"),
        # RFC 5987, as .NET sends it.
        ("form-data; name=0; filename==?utf-8?B?w6k=?=; filename*=utf-8''%C3%A9.txt", "0", "é.txt"),
        ("form-data; name=0; filename*=UTF-8'en'%e2%82%ac%20rates", "0", "€ rates"),
        ("form-data; name=0; filename*=iso-8859-1''%A3.txt", "0", "£.txt"),
    ],
)
def test_names_are_decoded_as_clients_encode_them(value: str, name: str, file_name: str | None) -> None:
    assert parse_disposition(value) == (name, file_name)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "form-data",
        "form-data;",
        "form-data; filename=a",
        'attachment; name="0"',
        'file; name="0"; filename="a"',
        'form-data; name="0',
        'form-data; name="0"; name="1"',
        'form-data; name="0"; filename="a"; filename="b"',
        'form-data; name="0"; filename="a"b"',
        'form-data; name="0" filename="a"',
        'form-data; name="0"; nonsense',
        "form-data; name=0; filename*=a.txt",
        "form-data; name=0; filename*=utf-8''%C3",
        "form-data; name=0; filename*=utf-8''%C3%2",
        "form-data; name=0; filename*=utf-16''%C3%A9",
        "form-data; name=0; filename*=utf-8''a b",
    ],
)
def test_a_disposition_that_cannot_be_read_is_refused(value: str) -> None:
    with pytest.raises(MultipartError):
        parse_disposition(value)


def test_a_part_is_sent_as_it_is() -> None:
    disposition = ("Content-Disposition", 'form-data; name="0"; filename="a"')
    assert read_head([disposition, ("Content-Transfer-Encoding", "binary")]).name == "0"
    for encoding in ("base64", "quoted-printable", "gzip"):
        with pytest.raises(MultipartError, match="transfer encoding"):
            read_head([disposition, ("Content-Transfer-Encoding", encoding)])


def test_doubled_headers_of_a_part_are_refused() -> None:
    disposition = ("Content-Disposition", 'form-data; name="0"; filename="a"')
    with pytest.raises(MultipartError, match="two Content-Disposition"):
        read_head([disposition, disposition])
    with pytest.raises(MultipartError, match="two Content-Type"):
        read_head([disposition, ("Content-Type", "a/b"), ("Content-Type", "a/b")])
