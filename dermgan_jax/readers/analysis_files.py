"""Files of an analysis: readers.json, and tables for other programs."""

import dataclasses
import json
from typing import Any

import numpy as np

from dermgan_jax import files
from dermgan_jax.data.csv_table import write_table
from dermgan_jax.files import Path
from dermgan_jax.readers import analysis_words
from dermgan_jax.readers.analysis import Analysis
from dermgan_jax.readers.analysis_images import ImageRow
from dermgan_jax.readers.analysis_scores import confidence_scores
from dermgan_jax.readers.design import FAKE
from dermgan_jax.readers.votes import StudyVotes, table_rows

RESULT, VOTES, IMRMC, IMAGES = "readers.json", "votes.csv", "imrmc.csv", "images.csv"
TRUTH = "truth"  # iMRMC's reader and modality of rows that tell the truth
MODALITY = "study"


def write(analysis: Analysis, votes: StudyVotes | None, out: Path) -> list[Path]:
    """Writes the result and, where votes are known, their tables; returns the files.

    votes.csv has all readers, the other tables those who have finished.

    imrmc.csv has iMRMC's columns readerID, caseID, modalityID and score. Signal-present (1) is
    fake; a score is higher the surer a reader is that an image is fake.
    """
    word, why = analysis_words.against_chance(analysis)
    words = {
        "sentence": analysis_words.sentence(analysis),
        "against_chance": word,
        "against_chance_sentence": why,
        "printed_sentences": analysis_words.printed_sentences(analysis),
    }
    files.write_text(
        out / RESULT, json.dumps({**words, **analysis.to_json()}, indent=2, allow_nan=False) + "\n"
    )
    written = [out / RESULT]
    if votes is not None:
        counted = votes.of_readers(np.array([row.finished for row in analysis.readers]))
        names = [field.name for field in dataclasses.fields(ImageRow)]
        cells = [[_cell(getattr(row, name)) for name in names] for row in analysis.image_rows]
        for name, columns, rows in (
            (VOTES, *table_rows(votes)),
            (IMRMC, *imrmc_rows(counted)),
            (IMAGES, names, cells),
        ):
            write_table(out / name, columns, rows)
            written.append(out / name)
    return written


def imrmc_rows(votes: StudyVotes) -> tuple[list[str], list[list[str]]]:
    """Truth of every image that was answered, then every answer."""
    columns = ["readerID", "caseID", "modalityID", "score"]
    scores = -confidence_scores(votes)
    if np.isnan(scores[votes.answered]).any():
        scores = 1 - votes.called_real
    rows = [
        [TRUTH, image.name, TRUTH, "1" if image.truth == FAKE else "0"]
        for image, answered in zip(votes.images, votes.answered.any(axis=1), strict=True)
        if answered
    ]
    rows += [
        [reader, image.name, MODALITY, f"{scores[i, j]:g}"]
        for j, reader in enumerate(votes.readers)
        for i, image in enumerate(votes.images)
        if votes.answered[i, j]
    ]
    return columns, rows


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
