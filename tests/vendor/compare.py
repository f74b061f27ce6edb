#!/usr/bin/env python3
"""Holds our signing against the vendor's signer.

    compare.py EXAMPLE_BINARY [--count N] [--seed N] [--out FILE]
        makes requests, lets both sign them, and exits 1 at the first difference;
        --out keeps the requests with the vendor's answers as JSON lines
    compare.py --vectors DIR [--write]
        holds (or, with --write, makes) the expected files of every vector in DIR

EXAMPLE_BINARY is the built `examples/sign.rs`. What the vendor's signer and ours are
known to differ in is left out on purpose: bytes that are not UTF-8, and content types
for which the vendor adds a header of its own.
"""

import argparse
import json
import pathlib
import random
import string
import subprocess
import sys
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

FIELDS = ["method", "url", "headers", "date", "access_key", "secret_key", "body"]


class Keys:
    def __init__(self, ak, sk):
        self.ak = ak
        self.sk = sk


class RecordingSigner(Signer):
    """The vendor's signer, keeping what it makes on the way."""

    def _process_canonical_request(self, request, signed_headers):
        self.canonical = super()._process_canonical_request(request, signed_headers)
        return self.canonical

    def _process_string_to_sign(self, canonical_request, time):
        self.to_sign = super()._process_string_to_sign(canonical_request, time)
        return self.to_sign


def host(parts):
    usual = {"https": 443, "http": 80}[parts.scheme]
    name = "[%s]" % parts.hostname if ":" in parts.hostname else parts.hostname
    return name if parts.port in (None, usual) else "%s:%d" % (name, parts.port)


def vendor(request):
    """Canonical request, string to sign and Authorization, as the vendor makes them."""
    dates = [value for name, value in request["headers"] if name.lower() == "x-sdk-date"]
    assert dates == [request["date"]], "exactly one x-sdk-date, the same as `date`"
    parts = urlsplit(request["url"])
    signer = RecordingSigner(Keys(request["access_key"], request["secret_key"]))
    signed = signer.sign(SdkRequest(
        method=request["method"],
        schema=parts.scheme,
        host=host(parts),
        # The vendor's signer cannot take an empty path; a client sends `/`.
        resource_path=parts.path or "/",
        query_params=parse_qsl(parts.query, keep_blank_values=True),
        header_params=dict(request["headers"]),
        body=request["body"],
    ))
    return signer.canonical, signer.to_sign, signed.header_params["Authorization"]


class Maker:
    """Makes requests; the same seed makes the same ones."""

    LETTERS = string.ascii_letters + string.digits
    ODD = "-_.~ +%/:;=?&#@!$'()*,[]|\"<>^`{}\\" + "äß€中😀"
    NAMES = ["Content-Type", "X-Project-Id", "X-Security-Token", "X-Domain-Id", "Accept", "User-Agent", "X_Dropped",
             "X-Language", "a", "Z-Last", "x-sdk-content-sha256", "X-Auth-Extra"]

    def __init__(self, seed):
        self.random = random.Random(seed)

    def chance(self, share):
        return self.random.random() < share

    def word(self, least, most, odd=0.2):
        pick = lambda: self.random.choice(self.ODD if self.chance(odd) else self.LETTERS)
        return "".join(pick() for _ in range(self.random.randint(least, most)))

    def spelled(self, text, safe):
        """One of the many ways to write the same text into a URL."""
        out = []
        for c in text:
            if c in safe or c in self.LETTERS or c in "-_.~" or (ord(c) > 127):
                out.append(quote(c, safe="") if c in self.LETTERS + safe and self.chance(0.1)
                           else quote(c, safe=self.LETTERS + safe) if self.chance(0.7) else c)
            elif c == "%" and self.chance(0.05):
                out.append("%zz")
            else:
                spelled = quote(c, safe="")
                out.append(spelled.lower() if self.chance(0.3) else spelled)
        return "".join(out)

    def segment(self):
        if self.chance(0.05):
            return ""
        word = self.word(1, 12)
        # A client resolves these before anything is sent.
        return "seg" + word if word.strip(".") == "" else word

    def path(self):
        if self.chance(0.05):
            return ""
        segments = [self.spelled(self.segment(), "!$&'()*+,;=:@") for _ in range(self.random.randint(0, 6))]
        return "/" + "/".join(segments) + ("/" if segments and self.chance(0.2) else "")

    def query(self):
        if self.chance(0.3):
            return self.random.choice(["", "?"])
        keys = [self.word(0 if self.chance(0.1) else 1, 6) for _ in range(self.random.randint(1, 6))]
        pairs = []
        for key in keys + self.random.choices(keys, k=self.random.randint(0, 3)):
            value = self.word(0, 10)
            spell = quote_plus if self.chance(0.3) else lambda text: self.spelled(text, "!$'()*,:@/?")
            key = spell(key)
            pairs.append(key if not value and self.chance(0.5) else "%s=%s" % (key, spell(value)))
        return "?" + "&".join(pairs)

    def padded(self, text):
        pad = lambda: self.random.choice(["", "", " ", "  ", "\t"])
        return pad() + text + pad()

    def cased(self, name):
        return self.random.choice([str, str.lower, str.upper])(name)

    def headers(self, date):
        headers = [[self.cased("X-Sdk-Date"), date]]
        for name in self.random.sample(self.NAMES, self.random.randint(0, 5)):
            if name == "Content-Type":
                value = self.random.choice(["application/json", "application/json;charset=utf8", "application/bson"])
            elif name == "x-sdk-content-sha256":
                value = self.random.choice(["UNSIGNED-PAYLOAD", "", "0" * 64])
            else:
                value = self.word(0, 60)
            # The vendor looks at the content type before it trims.
            headers.append([self.cased(name), value if name == "Content-Type" else self.padded(value)])
        self.random.shuffle(headers)
        return headers

    def request(self):
        date = "%04d%02d%02dT%02d%02d%02dZ" % tuple(
            self.random.randint(*limits)
            for limits in [(1970, 2099), (1, 12), (1, 28), (0, 23), (0, 59), (0, 59)])
        port = self.random.choice(["", "", ":443", ":80", ":8443"])
        base = self.random.choice(["https://dcs.eu-de.otc.example.com", "http://127.0.0.1", "https://DCS.Example.COM",
                                   "http://[::1]"])
        method = self.random.choice(["GET", "GET", "POST", "PUT", "DELETE", "get"])
        return {
            "method": method,
            "url": base + port + self.path() + self.query(),
            "headers": self.headers(date),
            "date": date,
            "access_key": self.word(20, 20, odd=0),
            # Over 64 bytes a key is hashed first.
            "secret_key": self.word(1, 100, odd=0.1) or "s",
            "body": "" if self.chance(0.6) else json.dumps({self.word(1, 9): self.word(0, 40)}, ensure_ascii=False),
        }


def compare(binary, count, seed, out):
    maker = Maker(seed)
    requests = [maker.request() for _ in range(count)]
    answers = [vendor(request) for request in requests]
    if out:
        with open(out, "w", encoding="utf-8") as file:
            for request, (canonical, _, authorization) in zip(requests, answers):
                record = dict(request, canonical_request=canonical, authorization=authorization)
                file.write(json.dumps(record) + "\n")
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    ours = subprocess.run([binary], input=lines, stdout=subprocess.PIPE, encoding="utf-8")
    got = ours.stdout.splitlines()
    for number, (request, (canonical, to_sign, authorization)) in enumerate(zip(requests, answers)):
        answer = got[number] if number < len(got) else "(no answer)"
        if answer != authorization:
            print("request %d of seed %d differs" % (number, seed))
            print(json.dumps(request, indent=1, ensure_ascii=False))
            print("vendor's canonical request:\n%s\nvendor's string to sign:\n%s" % (canonical, to_sign))
            print("vendor: %s\nours:   %s" % (authorization, answer))
            return 1
    if ours.returncode != 0 or len(got) != count:
        print("%s: exit code %d, %d answers to %d requests" % (binary, ours.returncode, len(got), count))
        return 1
    print("%d requests agree" % count)
    return 0


def vectors(root, write):
    cases = sorted(path.parent for path in pathlib.Path(root).glob("*/request.json"))
    if not cases:
        print("no vectors in %s" % root)
        return 1
    for case in cases:
        request = json.loads((case / "request.json").read_text(encoding="utf-8"))
        assert list(request) == FIELDS, "%s: the fields are %s" % (case.name, FIELDS)
        for name, text in zip(["canonical-request", "string-to-sign", "authorization"], vendor(request)):
            file = case / (name + ".txt")
            if write:
                file.write_bytes(text.encode())
            elif file.read_bytes() != text.encode():
                print("%s: %s differs from the vendor's:\n%s" % (case.name, file.name, text))
                return 1
    print("%d vectors %s" % (len(cases), "written" if write else "agree"))
    return 0


def main():
    parser = argparse.ArgumentParser(description="Holds our signing against the vendor's signer.")
    parser.add_argument("binary", nargs="?", help="the built examples/sign.rs")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", help="keep requests and the vendor's answers here, as JSON lines")
    parser.add_argument("--vectors", metavar="DIR", help="hold the vectors in DIR against the vendor's signer")
    parser.add_argument("--write", action="store_true", help="with --vectors: write the expected files")
    args = parser.parse_args()
    if not args.vectors and not args.binary:
        parser.error("needs the built example or --vectors")
    code = vectors(args.vectors, args.write) if args.vectors else 0
    if code == 0 and args.binary:
        code = compare(args.binary, args.count, args.seed, args.out)
    return code


if __name__ == "__main__":
    sys.exit(main())
