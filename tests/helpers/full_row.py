"""An explained text with everything that a display can say about it."""

from hf_gradexplain.viz.segments import Part, Row, Segment

SEGMENTS = [Segment("good", 2.0), Segment(" "), Segment("bad", -1.0), Segment(" of", 0.0), Segment(" it", 0.5)]


def full_row(segments=SEGMENTS):
    return Row(
        segments,
        "loo",
        correlation=0.5,
        remark="remark",
        certainty="sure",
        parts=[Part(0, "all", "+1.0"), Part(1, "some", "+0.5")],
        check="passed",
        warning="warning",
    )
