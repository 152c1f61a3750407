"""What was wrong, in a few lines."""

from __future__ import annotations

from minicap.data.report import BROKEN_NAME, EMPTY_CAPTION, MISSING_IMAGE, UNKNOWN_SPLIT, ReadingReport


def test_sentences():
    report = ReadingReport()
    assert not report
    report.set_total(MISSING_IMAGE, 8092)
    for number in range(6906):
        report.add(MISSING_IMAGE, f"{number}.jpg")
    report.add(BROKEN_NAME, "")
    report.set_total(EMPTY_CAPTION, 5)
    report.add(EMPTY_CAPTION, "line 3")
    report.add(UNKNOWN_SPLIT, "a\nb")
    report.add(UNKNOWN_SPLIT, "c")
    report.note("a word besides")
    assert report.lines() == [
        "6,906 of 8,092 images are not there (first: 0.jpg, 1.jpg, 2.jpg)",
        "1 name is broken (first: '')",
        "1 of 5 captions is empty (first: line 3)",
        "2 split entries name no known split (first: a?b, c)",
        "a word besides",
    ]
    assert report
    assert report.count(MISSING_IMAGE) == 6906
    assert str(report) == "\n".join(report.lines())
