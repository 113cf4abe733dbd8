"""Compares what readers of Zarr found with what was written, value by value, as one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    from matplotlib.axes import Axes

    from helpers.readers.archive import Expected
    from helpers.readers.readers import Answer

__all__ = ["VERDICTS", "draw_support", "refusal_matrix", "refusals", "support_matrix", "verdict"]


#: What a cell of the table can say, from best to worst.
VERDICTS = ("yes", "other dtype", "other shape", "values only", "no", "WRONG")
_COLOURS = ("#0072b2", "#56b4e9", "#56b4e9", "#56b4e9", "#dddddd", "#d55e00")  # of Okabe and Ito, and a grey
_LETTERS = ("", "d", "s", "v", "", "!")


def verdict(answer: Answer, expected: Expected) -> str:
    """Compare one answer with the truth.

    Parameters
    ----------
    answer : helpers.readers.Answer
        What a reader said.
    expected : helpers.readers.Expected
        What was written.

    Returns
    -------
    str
        ``"yes"``: shape, dtype and every bit of every value are as written, and so are attributes and names of
        dimensions where there are any. ``"other dtype"``, ``"other shape"``: the values are equal, in another dtype
        or shape. ``"values only"``: every bit is right, but attributes or names are missing or different. ``"no"``:
        the reader refused. ``"WRONG"``: the reader gave other values, and no error.

    Notes
    -----
    Bits, not ``==``: NaN equals NaN only with the same payload, and -0.0 is not 0.0.

    Examples
    --------
    >>> from helpers.readers.archive import Expected
    >>> from helpers.readers.readers import Answer
    >>> written = Expected(np.array([1.0, -0.0, np.nan]))
    >>> verdict(Answer(np.array([1.0, -0.0, np.nan])), written), verdict(Answer(np.array([1.0, 0.0, np.nan])), written)
    ('yes', 'WRONG')
    >>> verdict(Answer(np.array([[1, 0]], "u1")), Expected(np.array([[True, False]])))
    'other dtype'
    """
    if answer.refusal:
        return "no"
    form = _form(answer.values, expected.values)
    if form != "yes":
        return form
    named = bool(expected.dimension_names)
    told = not expected.attributes or answer.attributes == expected.attributes
    told &= not named or list(answer.dimension_names or ()) == list(expected.dimension_names)
    return "yes" if told else "values only"


def support_matrix(answers: Mapping[str, Mapping[str, Answer]], archive: Mapping[str, Expected]) -> pd.DataFrame:
    """Compare the answers of several readers with the truth.

    Parameters
    ----------
    answers : mapping of str to mapping of str to Answer
        For each reader what it said of each path.
    archive : mapping of str to Expected
        For each path what was written.

    Returns
    -------
    pandas.DataFrame
        A row for each path, its part and its name as two levels of the index; a column for each reader; in each cell
        one of `VERDICTS`.

    Raises
    ------
    KeyError
        When a reader was not asked about a path.

    Examples
    --------
    >>> from helpers.readers.archive import Expected
    >>> from helpers.readers.readers import Answer
    >>> archive = {"dtypes/int8": Expected(np.array([1], "i1"))}
    >>> matrix = support_matrix({"mine": {"dtypes/int8": Answer(refusal="never heard of it")}}, archive)
    >>> matrix.loc[("dtypes", "int8"), "mine"]
    'no'
    """
    index = pd.MultiIndex.from_tuples([tuple(path.split("/")) for path in archive], names=["part", "name"])
    truth = archive.items()
    columns = {name: [verdict(said[path], expected) for path, expected in truth] for name, said in answers.items()}
    return pd.DataFrame(columns, index=index)


def refusals(answers: Mapping[str, Mapping[str, Answer]]) -> pd.Series[str]:
    """Return why readers refused what they refused, each reason with the first path that met it.

    Examples
    --------
    >>> from helpers.readers.readers import Answer
    >>> said = {"a": Answer(refusal="no such codec"), "b": Answer(refusal="no such codec")}
    >>> refusals({"mine": said}).to_dict()
    {('mine', 'a'): 'no such codec'}
    """
    first: dict[tuple[str, str], str] = {}
    for reader, said in answers.items():
        for path, answer in said.items():
            if answer.refusal:
                first.setdefault((reader, answer.refusal), path)
    found = {(reader, path): why for (reader, why), path in first.items()}
    return pd.Series(found, name="refusal", dtype=str).rename_axis(["reader", "path"])


def refusal_matrix(answers: Mapping[str, Mapping[str, Answer]]) -> pd.DataFrame:
    """Return for each path and reader whether it was refused, or read as if nothing were the matter.

    Examples
    --------
    >>> from helpers.readers.readers import Answer
    >>> refusal_matrix({"mine": {"a": Answer(refusal="no"), "b": Answer()}})["mine"].tolist()
    ['refused', 'READ']
    """
    return pd.DataFrame(answers).map(lambda answer: "refused" if answer.refusal else "READ")


def draw_support(ax: Axes, matrix: pd.DataFrame) -> None:
    """Draw a table of `support_matrix`: a row for each reader, a square for each path, parts beside each other.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    matrix : pandas.DataFrame
        The table.

    Notes
    -----
    Dark blue is "yes", light blue "yes, but" with the letter d, s or v for other dtype, other shape, values only; grey
    is "no"; orange with ! is wrong. Letters say the same as the colours.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> index = pd.MultiIndex.from_tuples([("dtypes", "bool"), ("dtypes", "int8"), ("codecs", "gzip")])
    >>> ax = Figure().subplots()
    >>> draw_support(ax, pd.DataFrame({"mine": ["yes", "WRONG", "no"]}, index=index))
    >>> [text.get_text() for text in ax.texts]
    ['!']
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    codes = matrix.map(VERDICTS.index).to_numpy().T
    ax.imshow(codes, cmap=ListedColormap(_COLOURS), vmin=-0.5, vmax=len(VERDICTS) - 0.5, aspect="auto")
    for (row, column), code in np.ndenumerate(codes):
        if _LETTERS[code]:
            ax.text(column, row, _LETTERS[code], ha="center", va="center", fontsize=10)
    shown = (("yes", 0), ("yes, but: dtype, shape or values only", 1), ("no: refused", 4), ("WRONG, no error", 5))
    handles = [Patch(facecolor=_COLOURS[code], label=label) for label, code in shown]
    ax.legend(handles=handles, ncols=4, loc="upper left", bbox_to_anchor=(-0.12, -0.02), handlelength=1)
    parts = matrix.index.get_level_values(0)
    starts = [place for place in range(len(parts)) if place == 0 or parts[place] != parts[place - 1]]
    labels = [parts[start] for start in starts]
    ax.set_xticks([start - 0.5 for start in starts], labels, ha="left")
    ax.xaxis.tick_top()
    ax.set_yticks(range(len(matrix.columns)), list(matrix.columns))
    ax.grid(visible=False)
    for start in starts[1:]:
        ax.axvline(start - 0.5, color="black", linewidth=1)


def _form(found: npt.NDArray[np.generic] | None, written: npt.NDArray[np.generic] | None) -> str:
    if found is None or written is None:
        return "yes" if found is written else "WRONG"
    if found.size != written.size:
        return "WRONG"
    if found.shape != written.shape:
        same = _form(found.reshape(written.shape), written)
        return "other shape" if same == "yes" else same
    if found.dtype.kind in "TO":
        return "yes" if found.tolist() == written.tolist() else "WRONG"
    if found.dtype != written.dtype:
        return "other dtype" if np.array_equal(found, written) else "WRONG"
    return "yes" if found.tobytes() == written.tobytes() else "WRONG"
