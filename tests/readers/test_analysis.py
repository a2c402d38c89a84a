"""What votes show."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import call
from tiny_reader_votes import simulated_votes

from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.reader_votes import agree
from dermgan_jax.evaluation.reader_votes import read_votes as read_any_votes
from dermgan_jax.readers import analysis_files, analysis_words
from dermgan_jax.readers.analysis import analyse
from dermgan_jax.readers.votes import read_votes
from dermgan_jax.statistics import classification

GOLDEN = Path(__file__).parents[1] / "golden" / "statistics" / "fleiss_kappa.npz"


@pytest.fixture
def table(tmp_path):
    """table(text, name) -> the path of such a table."""

    def write(text, name="votes.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture
def found(table):
    return analyse(read_votes(table(simulated_votes())))


def matrix(answers, truth, confidence=None):
    """A table of answers: reader -> a letter for each image, r or f, or a space for none."""
    words = {"r": "real", "f": "fake", " ": ""}
    lines = ["reader,group,image,truth,answer" + ",confidence" * (confidence is not None)]
    for reader, own in answers.items():
        for i, (answer, true) in enumerate(zip(own, truth, strict=True)):
            sure = f",{confidence[reader][i]}" if confidence else ""
            lines.append(f"{reader},,i{i},{words[true]},{words[answer]}{sure}")
    return "\n".join(lines) + "\n"


def test_a_reader_is_counted(table):
    found = analyse(read_votes(table(matrix({"a": "rrrffr ", "b": "rrrrfff"}, "rrrrfff"))))
    first, second = found.readers
    assert (first.tp, first.fp, first.fn, first.tn) == (3, 1, 1, 1)
    assert (first.acc, first.tpr, first.tnr) == (4 / 6, 0.75, 0.5)
    assert (first.answered, first.missing) == (6, 1)
    assert second.acc == second.tpr == second.tnr == 1.0
    assert (found.asked, found.missing) == (14, 1)
    assert "1 of 14 answers are missing (a: 1)" in found.notes[0]
    assert found.overall.accuracy.value == pytest.approx((4 / 6 + 1) / 2)
    assert found.overall.balanced_accuracy.value == pytest.approx((0.625 + 1) / 2)


def test_kappa_is_that_of_any_votes(table):
    path = table(simulated_votes())
    plain = "\n".join(
        line
        for line in path.read_text().splitlines()
        if not line.startswith("r5,")  # who left out two images
    )
    kappa = analyse(read_votes(table(plain))).to_json()["kappa"]
    columns = [0, 2, 3, 4]
    lines = [[line.split(",")[c] for c in columns] for line in plain.splitlines()]
    other = agree(read_any_votes(table("\n".join(map(",".join, lines)), "plain.csv")))
    assert set(kappa) == {"doctors", "engineers", "all"}
    assert set(kappa["all"]) == {"real", "fake", "all"}
    assert kappa["all"]["all"] == pytest.approx(other.fleiss, abs=1e-12)


def test_kappa_of_the_golden_vectors(table):
    """Two of their categories stand for real, the others for fake."""
    ratings = np.load(GOLDEN)["in:ratings"] < 2
    answers = {f"r{j}": "".join("fr"[int(each)] for each in own) for j, own in enumerate(ratings.T)}
    truth = "rf" * (len(ratings) // 2) + "r" * (len(ratings) % 2)
    kappa = analyse(read_votes(table(matrix(answers, truth)))).agreement["all"]["all"].kappa
    n, m = ratings.shape
    real = ratings.sum(axis=1)
    agreeing = (real * (real - 1) + (m - real) * (m - real - 1)).mean() / (m * (m - 1))
    p = real.sum() / (n * m)
    chance = p**2 + (1 - p) ** 2
    assert kappa == pytest.approx((agreeing - chance) / (1 - chance), abs=1e-12)


def test_kappa_counts_images_that_all_answered(table):
    found = analyse(read_votes(table(matrix({"a": "rrf ff", "b": "rfffrf"}, "rrrfff"))))
    assert {kind: each.images for kind, each in found.agreement["all"].items()} == {
        "real": 3,
        "fake": 2,
        "all": 5,
    }


def test_kappa_without_a_choice_is_null(table):
    found = analyse(read_votes(table(matrix({"a": "rrff", "b": "rrff"}, "rrff"))))
    assert found.to_json()["kappa"]["all"] == {"real": None, "fake": None, "all": 1.0}
    json.dumps(found.to_json(), allow_nan=False)


def test_one_reader_is_said_to_be_one(table):
    found = analyse(read_votes(table(matrix({"a": "rrrfrfff"}, "rrrrffff"))))
    assert "Only one reader counts" in found.notes[0]
    assert found.to_json()["kappa"]["all"]["all"] is None
    assert analysis_words.sentence(found).startswith("1 reader was right in 75 %")


def test_areas_under_curves_from_confidence(table):
    truth, own = "rrrrffff", "rrfrffrf"
    sure = {"a": [6, 3, 1, 2, 5, 4, 2, 6], "b": [1, 2, 3, 4, 5, 6, 1, 2]}
    found = analyse(read_votes(table(matrix({"a": own, "b": own}, truth, sure))))
    for row in found.readers:
        scores = [s if a == "r" else -s for s, a in zip(sure[row.reader], own, strict=True)]
        expected = classification.auc(np.array([t == "r" for t in truth]), np.array(scores))
        assert row.auc == pytest.approx(expected)
    assert found.overall.auc.value == pytest.approx(np.mean([row.auc for row in found.readers]))


def test_halves_are_of_each_readers_order(table):
    lines = ["reader,group,image,truth,answer,position"]
    truth = ["real", "fake"] * 4
    for reader, order in {"a": range(8), "b": reversed(range(8))}.items():
        for position, image in enumerate(order):
            wrong = {"real": "fake", "fake": "real"}[truth[image]]
            answer = wrong if position < 2 else truth[image]
            lines.append(f"{reader},,i{image},{truth[image]},{answer},{position}")
    found = analyse(read_votes(table("\n".join(lines) + "\n"))).halves
    assert (found.before.value, found.after.value) == (0.5, 1.0)
    assert found.readers == {"a": (0.5, 1.0), "b": (0.5, 1.0)}
    assert found.difference.value == 0.5


def test_changed_answers(found):
    assert found.revised.changed == found.revised.to_wrong
    assert found.revised.accuracy.difference.value < 0
    assert found.time.medians["real"] > 0


def test_nothing_is_made_up_from_a_plain_table(table):
    found = analyse(read_votes(table(matrix({"a": "rrfrff", "b": "rfffrf"}, "rrrfff"))))
    assert found.halves is found.revised is found.time is found.likert is None
    assert found.overall.auc is None
    assert all(row.both is None for row in found.taken_for_real)


def test_synthetic_and_real_rates_are_those_of_both_judgements(table):
    text = (
        "reader,image,truth,answer,class_truth,class_answer\n"
        "a,i,fake,real,mel,mel\na,j,fake,real,mel,nv\na,k,fake,fake,nv,nv\n"
        "a,l,real,real,nv,nv\na,m,real,real,nv,none\na,n,fake,real,nv,\n"
    )
    rows = {
        (row.rate, row.of_class): row for row in analyse(read_votes(table(text))).taken_for_real
    }
    assert rows["SR", "mel"].both.value == 0.5
    assert rows["SR", "nv"].both.value == 0.0
    assert rows["SR", ""].both.value == pytest.approx(1 / 3)  # one was not asked for its class
    assert rows["SR", ""].called_real.value == 0.75
    assert rows["RR", "nv"].both.value == 0.5


def test_sides_are_told_apart(found):
    shares = {
        row.side: row.called_real.value
        for row in found.taken_for_real
        if row.truth == "fake" and not row.of_class
    }
    assert set(shares) == {"", "gana", "ganb"}
    assert shares["gana"] > shares["ganb"]
    ratings = {side.side: side.mean.value for side in found.likert.sides}
    assert ratings["clinic"] > ratings["ganb"]
    assert found.likert.icc.subjects == 38


def test_images_that_mislead_come_first(found):
    wrong = [row.wrong for row in found.image_rows]
    assert wrong == sorted(wrong, reverse=True)
    assert len(wrong) == 40


@pytest.mark.parametrize(
    ("answers", "margin", "word"),
    [
        ({f"r{i}": "rfrfrfrf" * 10 for i in range(6)}, 0.2, "equivalent to chance"),
        ({f"r{i}": "rrrfffrf" * 10 for i in range(6)}, 0.1, "different from chance"),
        ({"a": "rfrfrrff", "b": "rrffrfrf"}, 0.1, "cannot tell"),
    ],
)
def test_chance_is_told_apart_in_words(table, answers, margin, word):
    truth = "rrrrffff" * (len(next(iter(answers.values()))) // 8)
    found = analyse(read_votes(table(matrix(answers, truth))), margin)
    assert analysis_words.against_chance(found)[0] == word


@pytest.mark.parametrize(
    ("answers", "word", "said"),
    [
        ({f"r{i}": "r" * 80 for i in range(4)}, "cannot tell", "nearly all answers are the same"),
        ({"a": "f" * 79 + "r"}, "cannot tell", "nearly all answers are the same"),
        ({"b": "f" * 80, "c": "r" * 80}, "cannot tell", "nearly all answers are the same"),
        ({"a": ("r" * 9 + "f") * 8}, "cannot tell", "one reader cannot show that there is none"),
        ({f"r{i}": "rrrrffff" * 10 for i in range(8)}, "different from chance", "more than chance"),
        (
            {f"r{i}": "ffffrrrr" * 10 for i in range(8)},
            "different from chance",
            "one for the other",
        ),
        ({f"r{i}": "rrff" for i in range(3)}, "cannot tell", "neither is a difference"),
    ],
    ids=["all real", "one says fake", "opposite", "one leans", "perfect", "wrong", "four images"],
)
def test_answers_that_hardly_vary_show_little(table, answers, word, said):
    size = len(next(iter(answers.values())))
    truth = "rrrrffff" * (size // 8) or "rrff"
    found = analyse(read_votes(table(matrix(answers, truth))))
    assert analysis_words.against_chance(found)[0] == word
    assert said in analysis_words.against_chance(found)[1]
    assert found.smallest_difference is None or found.smallest_difference > 0.01


def test_the_sentence_says_what_was_found(table):
    def said(answers, margin=0.1):
        truth = "rrrrffff" * (len(answers["a"]) // 8) or "rrff"
        return analysis_words.sentence(analyse(read_votes(table(matrix(answers, truth))), margin))

    three = said({"a": "rrrfrfff" * 5, "b": "rrrrfffr" * 5, "c": "rrfrfffr" * 5})
    assert "; balanced 79 % (" in three
    assert three.endswith("they can tell the kinds apart.")
    assert said(dict.fromkeys("abcdef", "rfrfrfrf" * 20)).endswith(
        "a difference of 10 points or more is ruled out."
    )
    assert "this study cannot say whether this reader sees a difference. A difference" in said(
        {"a": "rfrfrrff" * 2}
    )
    assert "even complete separation" in said({"a": "rrfr"})
    assert "takes one for the other" in said({"a": "ffffrrrr" * 8})


def test_who_stopped_early_does_not_count(table):
    answers = dict.fromkeys("abc", "rrrfrfff" * 5)
    quitter = {"q": "rf" + " " * 38}
    truth = "rrrrffff" * 5
    found = analyse(read_votes(table(matrix({**answers, **quitter}, truth))))
    alone = analyse(read_votes(table(matrix(answers, truth), "alone.csv")))
    for name in ("overall", "equivalence", "agreement", "taken_for_real", "image_rows", "missing"):
        assert getattr(found, name) == getattr(alone, name)
    assert [row.finished for row in found.readers] == [True, True, True, False]
    assert analysis_words.sentence(found).startswith("3 readers (1 more has not finished) were")
    assert "Not finished, and in no number but their own row: q with 2 of 40." in found.notes
    assert "q (readers): TP 1" in analysis_words.text(found)
    assert found.to_json()["numbers"]["unfinished"] == 1
    every = analyse(read_votes(table(matrix({**answers, **quitter}, truth))), least_answered=0.0)
    assert len(every.finished) == 4


def test_rows_that_a_table_leaves_out_are_not_taken_for_finished(table):
    lines = matrix({"a": "rrrfrfff", "b": "rrrfrffr", "q": "rf      "}, "rrrrffff").splitlines()
    text = "\n".join(line for line in lines if not line.endswith(",")) + "\n"
    found = analyse(read_votes(table(text)))
    assert [row.finished for row in found.readers] == [True, True, False]


def test_nobody_who_has_finished_is_one_message(table):
    with pytest.raises(UserError, match=r"no reader has answered 50 % .* a with 1 of 4"):
        analyse(read_votes(table(matrix({"a": "r   ", "b": "  r "}, "rrff"))))


def test_readers_of_different_images_agree_in_pairs(table):
    rng = np.random.default_rng(0)
    truth = "rf" * 40
    answers = {
        f"r{j}": "".join(rng.choice(["r", "f"]) if rng.random() < 0.5 else "-" for _ in truth)
        for j in range(5)
    }
    lines = matrix({n: own.replace("-", " ") for n, own in answers.items()}, truth).splitlines()
    text = "\n".join(line for line in lines if not line.endswith(",")) + "\n"
    found = analyse(read_votes(table(text)))
    both = found.agreement["all"]["all"]
    assert found.missing == 0
    assert both.pairs
    assert both.images == sum(
        sum(own[i] != "-" for own in answers.values()) > 1 for i in range(len(truth))
    )
    assert abs(both.kappa) < 2 * both.guessing
    assert both.ac1.low < both.ac1.value < both.ac1.high


def test_other_judges(table):
    votes = read_votes(table(simulated_votes()))
    images = analyse(votes).image_rows
    lines = [f"{row.image},{row.called_real + 1},{i % 7}" for i, row in enumerate(images)]
    scores = table("image,discriminator,other\n" + "\n".join(lines) + "\nx,1,1\n", "scores.csv")
    measured = table(
        "side,metric,value\ngana,fid,20\nganb,fid,10\ngana,kid,0.1\nganb,kid,0.2\nclinic,fid,1\n",
        "measured.csv",
    )
    found = analyse(votes, scores=scores, measured=measured)
    same, other = found.judges
    assert same.correlations["fake"].spearman.value == pytest.approx(1.0)
    interval = other.correlations["all"].spearman
    assert interval.low < interval.value < interval.high
    assert {ranking.metric: ranking.tau for ranking in found.rankings} == {"fid": -1.0, "kid": 1.0}


@pytest.mark.parametrize(
    ("kind", "text", "named"),
    [
        ("scores", "picture,d\ni001,1\n", "has the column image"),
        ("scores", "image,d\nnone,1\n", "none of its 1 rows is of an image of this study"),
        ("scores", "image,d\ni001,x\n", "line 2: d is 'x', which is no number"),
        ("scores", "image,d\ni001,1\ni001,1\n", "line 3: i001 again"),
        ("measured", "side,metric\ngana,fid\n", "no column value"),
        ("measured", "side,metric,value\nx,fid,1\n", "names no synthetic side"),
        ("measured", "side,metric,value\ngana,fid,1\ngana,fid,2\n", "line 3: fid of gana again"),
        ("measured", "side,metric,value\ngana,taste,1\n", "is 'taste' better lower or higher?"),
        ("measured", "side,metric,value,better\ngana,x,1,up\n", "better is 'up'"),
    ],
)
def test_what_is_wrong_with_other_judges_is_named(table, kind, text, named):
    votes = read_votes(table(simulated_votes()))
    with pytest.raises(UserError) as error:
        analyse(votes, **{kind: table(text, "other.csv")})
    assert named in str(error.value)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (matrix({"a": "rrf"}, "rrf"), "1 fake images were answered"),
        (
            "reader,group,image,truth,answer\n"
            + "".join(f"a,all,i{i},{t},real\n" for i, t in enumerate(["real", "fake"] * 2))
            + "".join(f"b,x,i{i},{t},real\n" for i, t in enumerate(["real", "fake"] * 2)),
            "a group is called 'all'",
        ),
    ],
)
def test_what_cannot_be_analysed_is_named(table, text, named):
    with pytest.raises(UserError) as error:
        analyse(read_votes(table(text)))
    assert named in str(error.value)


def test_rows_for_imrmc(table):
    sure = {"a": [1, 2, 3, 4], "b": [5, 6, 5, 6]}
    votes = read_votes(table(matrix({"a": "rrff", "b": "rfrf"}, "rrff", sure)))
    columns, rows = analysis_files.imrmc_rows(votes)
    assert columns == ["readerID", "caseID", "modalityID", "score"]
    assert rows[:4] == [["truth", f"i{i}", "truth", "0011"[i]] for i in range(4)]
    assert [row[3] for row in rows[4:]] == ["-1", "-2", "3", "4", "-5", "6", "-5", "6"]
    plain = read_votes(table(matrix({"a": "rrff"}, "rrff")))
    assert [row[3] for row in analysis_files.imrmc_rows(plain)[1][4:]] == ["0", "0", "1", "1"]


def test_command_writes_everything(table, tmp_path, capsys):
    out = tmp_path / "out"
    assert call("readers_analyse", f"--votes={table(simulated_votes())}", f"--out={out}") == 0
    assert {path.name for path in out.iterdir()} == {
        "readers.json",
        "report.html",
        "votes.csv",
        "images.csv",
        "imrmc.csv",
    }
    printed = capsys.readouterr().out
    result = json.loads((out / "readers.json").read_text())
    assert result["sentence"] in printed
    assert {"readers", "kappa", "ac1", "overall", "equivalence", "smallest_difference"} <= {*result}
    again = analyse(read_votes(out / "votes.csv")).to_json()
    assert again["readers"] == result["readers"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "given: none"),
        (["--votes=v.csv", "--counts=c.csv"], "given: --votes and --counts"),
        (["--workdir=nowhere"], "holds no reader study"),
        (["--votes=v.csv", "--margin=0.7"], "no share above 0 and below 0.5"),
        (["--votes=v.csv", "--least_answered=2"], "no share from 0 to 1"),
        (["--counts=c.csv", "--scores=s.csv"], "--scores needs votes"),
    ],
)
def test_what_is_wrong_with_flags_is_named(tmp_path, capsys, arguments, named):
    assert call("readers_analyse", *arguments, f"--out={tmp_path / 'out'}") == 2
    assert named in capsys.readouterr().err


def test_nothing_is_concluded_while_answers_are_missing(table):
    answers = {**dict.fromkeys("abc", "rrrfrfff" * 5), "q": "rf" + " " * 38}
    votes = read_votes(table(matrix(answers, "rrrrffff" * 5)))
    early, late = analyse(votes, final=False), analyse(votes)
    assert analysis_words.sentence(early).startswith("Interim look, without a conclusion: 3 ")
    assert "tell the kinds apart" not in analysis_words.sentence(early)
    word, why = analysis_words.against_chance(early)
    assert word == "interim look"
    assert "3 of 4 readers have answered all their images" in why
    assert analysis_words.sentence(late).endswith("they can tell the kinds apart.")
    complete = read_votes(table(matrix(dict.fromkeys("abc", "rrrfrfff"), "rrrrffff"), "all.csv"))
    assert not analyse(complete, final=False).interim


def test_who_can_hardly_have_looked_is_named(table):
    lines = matrix({"a": "rrrfrfff", "b": "rrrfrfff"}, "rrrrffff").splitlines()
    seconds = ["seconds"] + ["4"] * 8 + ["0.2"] * 8
    text = "\n".join(f"{line},{one}" for line, one in zip(lines, seconds, strict=True)) + "\n"
    found = analyse(read_votes(table(text)))
    (note,) = [note for note in found.notes if "did they look" in note]
    assert note.startswith("b answered")


def test_readers_whose_errors_cancel_are_no_surer_than_guessers(table):
    opposite = {"a": "rfrfrfrf", "b": "frfrfrfr"}
    found = analyse(read_votes(table(matrix(opposite, "rrrrffff"), "opposite.csv")))
    balanced = found.overall.balanced_accuracy
    assert balanced.value == 0.5
    assert balanced.high - balanced.low > 0.2
