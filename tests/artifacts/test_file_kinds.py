"""A file that is something else is told by its beginning, and by nothing after it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.artifacts.file_kinds import NOT_FETCHED, WEB_PAGE, kind_of

ZIP, TEXT, ANY = ("a zip", "unpack it"), ("a text", "convert it"), ("anything", "look at it")
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


@pytest.mark.parametrize(
    "start",
    [b"<!DOCTYPE html>", b"<!doctype HTML>", b"<html lang=en>", b"<HTML>", b"\n\t  <html>", b"\r\n<!dOcType html"],
)
def test_a_web_page_is_told_in_any_case_and_after_blanks(start: bytes) -> None:
    assert kind_of(start, NOT_FETCHED) is WEB_PAGE


@pytest.mark.parametrize(
    "start", [b"<Error>", b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code>']
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_an_error_page_of_a_store_is_told(mark: bytes, start: bytes) -> None:
    kind = kind_of(mark + start, NOT_FETCHED)
    assert kind is not None and "download failed" in kind[0]


def test_a_pointer_of_git_lfs_is_told_and_its_command_fetches_the_file() -> None:
    kind = kind_of(POINTER, NOT_FETCHED)
    assert kind is not None and kind is not WEB_PAGE
    assert kind[1] == "git lfs pull"


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"<",
        b"html",
        b"< html>",
        b"<!doctype",
        b"<!DOCTYPE svg>",
        b"<?xml version='1.0'?><html>",
        b"{<html>",
        b"Version https://git-lfs",
        b" version https://git-lfs",
        b"version https://git-annex",
        b"\xff\xd8\xff\xe0\0\x10JFIF<html>",
    ],
)
def test_other_beginnings_are_no_download_that_failed(start: bytes) -> None:
    assert kind_of(start, NOT_FETCHED) is None


def test_the_first_of_the_kinds_counts() -> None:
    assert kind_of(b"PK\3\4", {rb"PK": ZIP, rb"P": TEXT, rb"": ANY}) is ZIP
    assert kind_of(b"PK\3\4", {rb"P": TEXT, rb"PK": ZIP}) is TEXT
    assert kind_of(b"xx", {rb"PK": ZIP, rb"": ANY}) is ANY
    assert kind_of(b"PK", {}) is None


def test_a_point_stands_for_a_line_break_too() -> None:
    assert kind_of(b"\0\0\0\nftyp", {rb".{4}ftyp": ZIP}) is ZIP


@given(st.binary(min_size=1, max_size=20), st.binary(max_size=20))
def test_only_the_beginning_counts_whatever_follows(before: bytes, after: bytes) -> None:
    kinds = {rb"MAGIC": ZIP}
    assert kind_of(b"MAGIC" + after, kinds) is ZIP
    assert (kind_of(before + b"MAGIC" + after, kinds) is ZIP) == (before + b"MAGIC").startswith(b"MAGIC")
