"""What a reader study shows, in sentences."""

import decimal

from dermgan_jax.readers.analysis import CHANCE, ONE_READER, SAME_ANSWERS, Analysis
from dermgan_jax.readers.analysis_agreement import ALL
from dermgan_jax.readers.counts import AGREES, CUT_OFF, MEAN, PrintedValue
from dermgan_jax.statistics.crossed import LARGEST
from dermgan_jax.statistics.equivalence import (
    CANNOT_TELL,
    DIFFERENT,
    EQUIVALENT,
    SMALL,
    Equivalence,
)
from dermgan_jax.statistics.intervals import Estimate

SAME_TEXT = (
    "nearly all answers are the same, which tells nothing about whether the images can be told "
    "apart"
)
THIRD = decimal.Decimal("0.001")
NAMES = {
    "acc": "accuracy",
    "tpr": "share of real images called real (TPR)",
    "tnr": "share of synthetic images called synthetic (TNR)",
    "fpr": "share of synthetic images called real (FPR)",
    "fnr": "share of real images called synthetic (FNR)",
}


def percent(share: float | None, decimals: int = 0) -> str:
    """A share in percent, without the sign; a dash for None."""
    return "–" if share is None else f"{100 * share:z.{decimals}f}".replace("-", "−")


def interval(found: Estimate, decimals: int = 0) -> str:
    """The ends of a share's interval in percent, such as "51 … 65"."""
    return f"{percent(found.low, decimals)} … {percent(found.high, decimals)}"


def plural(number: int, noun: str) -> str:
    """ "1 reader", "8 readers"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def sentence(analysis: Analysis) -> str:
    """How often readers were right, whether they tell the kinds apart, what would be missed."""
    rows = analysis.finished
    found, balanced = analysis.overall.accuracy, analysis.overall.balanced_accuracy
    who = plural(len(rows), "reader")
    if analysis.unfinished:
        verb = "has" if analysis.unfinished == 1 else "have"
        who += f" ({analysis.unfinished} more {verb} not finished)"
    verb = "was" if len(rows) == 1 else "were"
    text = (
        f"{who} {verb} right in {percent(found.value)} % ({interval(found)}) of the images "
        f"({_mix(analysis)})"
    )
    if balanced is None or analysis.equivalence is None:
        return f"{text}."
    told = analysis.equivalence.outcome in (DIFFERENT, SMALL)
    # A rounded end must not look as if the interval reached what it leaves out.
    close = int(told and percent(CHANCE) in (percent(balanced.low), percent(balanced.high)))
    unequal = "" if analysis.real == analysis.fake else " for the unequal numbers"
    text += (
        f"; balanced{unequal} {percent(balanced.value, close)} % ({interval(balanced, close)}), "
        "where guessing gives 50 %"
    )
    if analysis.interim:
        return f"Interim look, without a conclusion: {text}."
    text += f": {_verdict(analysis.equivalence, len(rows))}."
    if analysis.equivalence.outcome != CANNOT_TELL:
        return text
    return f"{text} {_missed(analysis)}"


def _verdict(found: Equivalence, readers: int) -> str:
    they = "this reader" if readers == 1 else "they"
    verbs = ("sees", "tells", "takes") if readers == 1 else ("see", "tell", "take")
    margin = percent(found.margin, 1).removesuffix(".0")
    if found.outcome == CANNOT_TELL:
        return f"this study cannot say whether {they} {verbs[0]} a difference"
    if found.outcome == EQUIVALENT:
        return f"a difference of {margin} points or more is ruled out"
    text = f"{they} can tell the kinds apart"
    if found.difference.value < 0:
        text = f"{they} {verbs[1]} the kinds apart, but {verbs[2]} one for the other"
    return f"{text}, by less than {margin} points" if found.outcome == SMALL else text


def _missed(analysis: Analysis) -> str:
    if analysis.equivalence and analysis.equivalence.barred == SAME_ANSWERS:
        return SAME_TEXT[0].upper() + SAME_TEXT[1:] + "."
    if analysis.smallest_difference is None:
        return ""
    if analysis.smallest_difference >= LARGEST:
        return (
            "So few readers and images can show nothing: even complete separation would have been "
            "missed in more than one of five such studies."
        )
    return (
        f"A difference from chance below {percent(analysis.smallest_difference, 1)} points would "
        "have been missed in more than one of five such studies."
    )


def _mix(analysis: Analysis) -> str:
    mix = f"{analysis.real:,} real, {analysis.fake:,} synthetic"
    asked = {row.answered + row.missing for row in analysis.finished}
    if max(asked) == analysis.images:
        return mix
    up_to = "up to " if len(asked) > 1 else ""
    return f"{mix}, {up_to}{max(asked):,} of them for each reader"


def against_chance(analysis: Analysis) -> tuple[str, str]:
    """Whether readers do better than chance: a word and a sentence."""
    found = analysis.equivalence
    if found is None:
        return "cannot tell", "Chance is no yardstick where all images are of one kind."
    if analysis.interim:
        complete = sum(row.finished and not row.missing for row in analysis.readers)
        planned = len(analysis.readers) + len(analysis.silent)
        return "interim look", (
            f"{complete} of {planned} readers have answered all their images. Whoever looks early "
            "and stops when the result pleases will find what pleases. If no more answers will "
            "come, --final says so, and the conclusion is drawn."
        )
    low, high = found.difference.low, found.difference.high
    margin = percent(found.margin, 1).removesuffix(".0")
    balanced = percent(CHANCE + found.difference.value, 1)
    ends = f"95 % interval of the difference {points(low)} to {points(high)} points"
    tests = f"two one-sided tests, at 0.025, {p_text(found.p_equivalent)}"
    differs = f"difference from chance {p_text(found.p_different)}"
    start = f"Balanced accuracy is {balanced} % where guessing gives 50 %"
    words = {
        EQUIVALENT: (
            "equivalent to chance",
            f"{start}: a difference of {margin} points or more, either way, is ruled out",
        ),
        SMALL: (
            "different from chance by less than the margin",
            f"{start}: there is a difference, and it is smaller than {margin} points",
        ),
        DIFFERENT: ("different from chance", f"{start}: that is more than chance would give"),
        CANNOT_TELL: (
            "cannot tell",
            f"{start}: neither is a difference from chance seen, nor one of {margin} points or "
            "more ruled out. Not seeing a difference is not being indistinguishable",
        ),
    }
    if found.barred == SAME_ANSWERS and found.outcome == CANNOT_TELL:
        return "cannot tell", f"{start}, but {SAME_TEXT}."
    if found.barred == ONE_READER:
        tests = "two one-sided tests are not made"
        words[CANNOT_TELL] = (
            "cannot tell",
            f"{start}: no difference from chance is seen, and one reader cannot show that there is "
            "none",
        )
    if found.outcome == DIFFERENT and found.difference.value < 0:
        words[DIFFERENT] = (
            "different from chance",
            f"{start}: readers tell the kinds apart, and take one for the other",
        )
    word, text = words[found.outcome]
    return word, f"{text} ({ends}; {tests}; {differs})."


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * difference:+z.1f}".replace("-", "−")


def p_text(p: float) -> str:
    """A p-value in a few digits, such as "p = 0.03"."""
    text = "p < 0.0001" if p < 0.0001 else f"p = {p:#.2g}".removesuffix(".")
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def printed_sentences(analysis: Analysis) -> list[str]:
    """What is odd about the figures that were printed beside counts, and how many are right."""
    printed = analysis.printed
    if not printed:
        return []
    agree = sum(each.verdict == AGREES for each in printed)
    found = [f"{agree} of {len(printed)} printed figures follow from the counts, rounded."]
    cut = [each for each in printed if each.verdict == CUT_OFF]
    if cut:
        listed = ", ".join(
            f"{each.printed} for {each.computed:.4f} ({each.reader}, {each.name})" for each in cut
        )
        found.append(f"{plural(len(cut), 'figure')} cut off rather than rounded: {listed}.")
    found += [contradiction(each) for each in printed if each.verdict not in (AGREES, CUT_OFF)]
    return found


def contradiction(each: PrintedValue) -> str:
    """A printed figure that the counts contradict."""
    whose = each.reader
    if each.reader == MEAN:
        whose = f"the readers of {each.group}" if each.group else "all readers"
        whose = f"the mean over {whose}"
    return (
        f"The {NAMES[each.name]} of {whose} is printed as {each.printed}, but the counts give "
        f"{each.computed:.4f}."
    )


def text(analysis: Analysis) -> str:
    """The result for a terminal."""
    lines = [sentence(analysis), against_chance(analysis)[1]]
    for row in analysis.readers:
        unfinished = "" if row.finished else "  not finished"
        lines.append(
            f"  {row.reader} ({row.group}): TP {row.tp} FP {row.fp} FN {row.fn} TN {row.tn}  "
            f"ACC {three_decimals(row.acc)} TPR {three_decimals(row.tpr)} "
            f"TNR {three_decimals(row.tnr)}"
            + (f"  missing {row.missing}" if row.missing else "")
            + unfinished
        )
    for group, kinds in analysis.agreement.items():
        shown = ", ".join(
            f"{kind} {'–' if each.kappa is None else f'{each.kappa:.4f}'}".replace("-", "−")
            for kind, each in kinds.items()
        )
        pairs = " (pairs of readers who answered the same image)" if kinds[ALL].pairs else ""
        lines.append(f"Fleiss' kappa, {group}: {shown}{pairs}")
    return "\n".join([*lines, *printed_sentences(analysis), *analysis.notes])


def three_decimals(share: float | None) -> str:
    """A share of counts, rounded half up as tables in print are; a dash for None."""
    if share is None:
        return "–"
    return str(decimal.Decimal(repr(share)).quantize(THIRD, decimal.ROUND_HALF_UP))
