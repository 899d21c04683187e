"""The guided tour, docs/tour.ipynb, and the numbers in docs/from-text-to-picture.md."""

import json
import random
import re
import shutil

import numpy as np
import pytest
from conftest import ROOT, copy_code

from utils.treebank import StanfordSentiment

TOUR = ROOT / "docs" / "tour.ipynb"
PAGE = ROOT / "docs" / "from-text-to-picture.md"
LARGEST = 600_000  # bytes of the notebook with its outputs
NUMBER = re.compile(r"-?\d[\d,]*\.?\d*(?:e[-+]\d+)?")


@pytest.fixture(scope="module")
def cells():
    """The committed cells, as dicts; "source" is one string."""
    cells = json.loads(TOUR.read_text(encoding="utf-8"))["cells"]
    return [{**cell, "source": "".join(cell["source"])} for cell in cells]


def code_cells(cells):
    return [cell for cell in cells if cell["cell_type"] == "code"]


def printed(cells):
    """What the code cells print, by the cell's id."""
    texts = {}
    for cell in code_cells(cells):
        streams = [out for out in cell["outputs"] if out["output_type"] == "stream"]
        texts[cell["id"]] = "".join("".join(out["text"]) for out in streams)
    return texts


def numbers(text):
    return [float(number.replace(",", "")) for number in NUMBER.findall(text)]


# ------------------------------------------------------------------------------- as committed
def test_the_tour_is_committed_as_it_was_run_from_top_to_bottom(cells):
    assert TOUR.stat().st_size <= LARGEST
    code = code_cells(cells)
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [out for cell in code for out in cell["outputs"]]
    assert any("image/png" in out.get("data", {}) for out in outputs)
    assert not [out for out in outputs if "error" in (out["output_type"], out.get("name"))]
    assert not [out for out in outputs if out.get("name") == "stderr"]


def test_the_tour_links_to_files_and_sections_that_exist(cells):
    texts = [cell["source"] for cell in cells if cell["cell_type"] == "markdown"]
    headings = re.findall(r"^#+ (.*)$", "\n".join(texts), re.M)
    anchors = {heading.replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\((?!\w+:)([^)\s]+)\)", "\n".join(texts))
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        assert (TOUR.parent / path).exists() and (path or anchor in anchors), link


# ------------------------------------------------------------------------------- executed
def execute(notebook, folder, expressions):
    """Run a notebook in a folder: its cells, and the values of some expressions at the end."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    import nbformat

    notebook = nbformat.reads(notebook, as_version=4)
    source = f"import json\nprint(json.dumps({{{expressions}}}, default=float))"
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    nbclient.NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": folder}}
    ).execute()
    *cells, last = notebook.cells
    return cells, json.loads(last["outputs"][0]["text"])


@pytest.mark.slow
def test_the_tour_on_the_treebank_says_what_it_computes(sst, cells):
    expressions = """
        "gradient check": check_error,
        "first loss": curve[0].loss,
        "last loss": curve[-1].smoothed_loss,
        "largest learning rates": [final_losses[3], final_losses[20]],
        "mean cosines": list(mean_cosines),
        "director": [word for word, _ in neighbours(better_vectors, "director")],
        "itself": list(itself.values()),
        "drinks": [
            float(np.ptp(toy_vectors[[toy.tokens()[w] for w in group.split()]], axis=0).max())
            for group in kinds
        ],
    """
    executed, values = execute(TOUR.read_text(encoding="utf-8"), TOUR.parent, expressions)
    assert values["gradient check"] < 1e-8
    assert values["first loss"] == pytest.approx(19.061546, abs=1e-6)  # both are published
    assert values["last loss"] == pytest.approx(9.812206, abs=1e-6)
    assert values["largest learning rates"][0] < 12 and values["largest learning rates"][1] > 1000
    assert values["mean cosines"] == pytest.approx([0.995, 0.34], abs=0.01)
    assert {"debut", "writer"} <= set(values["director"])
    assert values["itself"][1] > 1.5 * values["itself"][0]
    assert max(values["drinks"]) < 0.5  # they lie on one spot; the picture is 6 wide

    committed = printed(cells)
    for name, text in printed(executed).items():
        assert NUMBER.sub("", text) == NUMBER.sub("", committed[name]), name
        assert numbers(text) == pytest.approx(numbers(committed[name]), rel=0.02, abs=1e-4), name


@pytest.mark.slow
def test_the_tour_without_the_treebank_takes_another_text_and_downloads_nothing(tmp_path):
    project = copy_code(tmp_path / "project")
    (project / "docs").mkdir()
    shutil.copy(TOUR, project / "docs")
    short = TOUR.read_text(encoding="utf-8").replace("40_000", "4_000")  # the same, in less time
    expressions = """
        "V": V,
        "is treebank": dataset.is_treebank,
        "losses": [curve[0].loss, curve[-1].smoothed_loss],
        "drawn": [word in number for group in groups.values() for word in group],
        "neighbours": len(neighbours(better_vectors, probes[0])),
    """
    _, values = execute(short, project, expressions)  # opened from the project's folder
    assert values["V"] > 1000 and not values["is treebank"]
    assert values["losses"][1] < values["losses"][0]
    assert len(values["drawn"]) == 24 and all(values["drawn"])
    assert values["neighbours"] == 5
    assert not (project / "utils" / "datasets").exists()


# ------------------------------------------------------------------------------- the page
def test_the_page_from_text_to_picture_has_the_numbers_of_the_treebank(sst):
    dataset = StanfordSentiment(sst)
    counts, tokens, kept = dataset.frequencies, dataset.tokens(), 1 - dataset.rejectProb()
    noise = np.bincount(dataset.sampleTable(), minlength=len(counts)) / dataset.tablesize
    random.seed(31415)
    random.randint(1, 5)  # the reach of the first window, which comes before the subsample
    subsample = dataset.subsample()
    left = np.bincount(subsample.tokens, minlength=len(counts))

    page = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| \*(\w+)\* \| (.*) \|$", page, re.M)
    assert len(rows) >= 8
    for word, cells in rows:
        i = tokens[word]
        thinned = f"{counts[i]:,} | {kept[i]:.1%} | {30 * counts[i]:,} | {left[i]:,}"
        drawn = f"{counts[i] / counts.sum():.4%} | {noise[i]:.4%}"
        assert cells in (thinned, drawn), word
    top = np.argsort(-counts)[:10]
    weights = counts**0.75
    for number in (
        f"{len(counts):,}",
        f"{counts.sum() - 1:,}",
        f"{len(subsample.tokens):,}",
        f"{len(subsample.lengths()):,}",
        f"{counts[top].sum() / counts.sum():.0%}",
        f"{left[top].sum() / left.sum():.0%}",
        f"{np.mean(counts <= 2):.0%}",
        f"{weights[top].sum() / weights.sum():.0%}",
        f"{weights[counts <= 2].sum() / weights.sum():.0%}",
    ):
        assert re.search(rf"(?<![\d.,]){re.escape(number)}", page), number
