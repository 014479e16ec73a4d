import time

import pytest

from chatsdk._core.filename import parse_filename

LONG = 60_000


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="uptime.csv"', "uptime.csv"),
        ("attachment; filename=uptime.csv", "uptime.csv"),
        ("attachment; FileName = my file.csv ; size=3", "my file.csv"),
        ("filename=uptime.csv", "uptime.csv"),
        ('attachment; note="; filename=no.csv"; filename="yes.csv"', "yes.csv"),
        ("attachment; filename*=UTF-8''na%C3%AFve.csv", "naïve.csv"),
        ("attachment; filename*=iso-8859-1'fr'na%EFve.csv; filename=naive.csv", "naïve.csv"),
        ("attachment; filename=b.csv; filename*=UTF-8''it's.csv", "it's.csv"),
        ("attachment; filename*=na%C3%AFve.csv", "naïve.csv"),
        ('attachment; filename="größe.csv"', "größe.csv"),
        ('attachment; filename="\u6a21.csv"'.encode("utf-8").decode("latin-1"), "\u6a21.csv"),
        ("attachment; filename*=utf8''na%C3%AFve.csv", "naïve.csv"),
        ("attachment; filename*=windows-1252''5%80.csv", "5€.csv"),
        # What cannot be decoded does not count.
        ("attachment; filename*=idna''xn--a", None),
        ("attachment; filename*=undefined''abc; filename=b.csv", "b.csv"),
        ("attachment; filename*=a%00b''abc; filename=b.csv", "b.csv"),
        ("attachment; filename*=punycode''abc-; filename=b.csv", "b.csv"),
        ("attachment; filename*=UTF-8''%ff.csv; filename=b.csv", "b.csv"),
        # No folders, no device, nothing that a system does not take in a name.
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ("attachment; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
        ('attachment; filename="C:\\\\evil\\\\x.csv"', "x.csv"),
        ('attachment; filename="C:\\evil\\x.csv"', "x.csv"),
        ("attachment; filename*=UTF-8''a%00b%0A.csv", "a_b_.csv"),
        ('attachment; filename="\u202efdp.exe"', "_fdp.exe"),
        ('attachment; filename="x.csv:s"', "x.csv_s"),
        ('attachment; filename="C:x.csv"', "C_x.csv"),
        (r'attachment; filename="a\"b<c>d|e?f*.csv"', "a_b_c_d_e_f_.csv"),
        ('attachment; filename=" x.csv . ."', "x.csv"),
        ("attachment; filename=CON", "_CON"),
        ("attachment; filename=nul.tar.gz", "_nul.tar.gz"),
        ("attachment; filename=COM1.txt", "_COM1.txt"),
        ("attachment; filename=aux .txt", "_aux .txt"),
        ("attachment; filename=console.txt", "console.txt"),
        # At most 255 bytes, with the extension.
        (f"attachment; filename={'a' * 255}", "a" * 255),
        (f"attachment; filename={'a' * LONG}.csv", "a" * 251 + ".csv"),
        (f"attachment; filename={'é' * LONG}.csv", "é" * 125 + ".csv"),
        (f"attachment; filename={'a' * 10}.{'b' * LONG}", "a" * 10 + "." + "b" * 228 + "." + "b" * 15),
        (f"attachment; filename={'a' * 254}. {'b' * LONG}", "a" * 239 + ". " + "b" * 14),
        ('attachment; filename=".."', None),
        ('attachment; filename="x/"', None),
        ('attachment; filename=""', None),
        ('attachment; filename="', "_"),
        ("attachment", None),
        ("", None),
    ],
)
def test_name(header, name):
    assert parse_filename(header) == name


def test_linear_time():
    """Patterns that make backtracking expressions and codecs take seconds."""
    size = 65_536
    units = [";", " ", '; filename="', '; filename="\\', ";a=", '"', "\\", "*", "=", "/", " .", "%41"]
    headers = [
        start + unit * (size // len(unit)) for unit in units for start in ("", "; filename=", '; filename="')
    ]
    headers += [f"; filename*={codec}''{'a' * size}" for codec in ("punycode", "idna", "utf-8")]
    headers.append("; filename=CON" + " " * size + "x")
    started = time.process_time()
    for header in headers:
        parse_filename(header)
    assert time.process_time() - started < 5
