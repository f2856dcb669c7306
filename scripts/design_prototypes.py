"""Design the low-pass prototypes of the audio engine and write ``speechwire/audio/_prototypes.py``.

Run by hand, after changing a preset: ``python scripts/design_prototypes.py`` (needs scipy; takes seconds).

Unit of time: one sample at the lower of the two rates; unit of frequency: the lower rate. A prototype is
a continuous-time impulse response of finite length, a truncated cosine series on [-R, R],

    h(t) = sum_k a[k] cos(pi k t / R),     H(f) = R sum_k a[k] (sinc(2 R f - k) + sinc(2 R f + k)),

so R a[k] is the frequency response at k / (2 R), and 2 R a[0] that at zero. A linear program finds the a[k]
with the least stop band under a given pass-band ripple: the minimax solution, which needs a third fewer taps
than a Kaiser window. h(R) = 0 is imposed, which makes the far stop band fall with the cube of the frequency;
without it every image of an upsampled signal would come in at the full ripple, and their sum would not meet
the rejection.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

TARGET = Path(__file__).parent.parent / "python" / "speechwire" / "audio" / "_prototypes.py"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spec:
    """What a preset asks for; edges in units of the lower rate, ripple in dB."""

    name: str
    half_width: float
    pass_edge: float
    stop_edge: float
    ripple_db: float


# At 48 -> 16 kHz the half widths give 79, 127 and 287 taps: just under a multiple of 16, the vector's width.
# The ripple leaves a tenth for the rounding of the taps within the tolerances 0.1, 0.05 and 0.02 dB.
SPECS = (
    Spec("fast", 40 / 3, 6.8 / 16, 9.2 / 16, 0.09),
    Spec("balanced", 64 / 3, 7.2 / 16, 8.8 / 16, 0.045),
    Spec("best", 48.0, 7.3 / 16, 8.05 / 16, 0.018),
)
SERIES_BANDWIDTH = 0.8  # highest frequency of the series; the optimum gains under 0.5 dB from more
FAR_FREQUENCY = 4.0  # the stop band is constrained up to here; beyond, h(R) = 0 keeps it falling
GRID_DENSITY = 16  # grid points per 1 / (2 R)


def response(half_width: float, n_terms: int, frequency: Floats) -> Floats:
    """Matrix that takes series coefficients to the response at each frequency."""
    k = np.arange(n_terms)
    x = 2 * half_width * frequency[:, None]
    matrix = half_width * (np.sinc(x - k) + np.sinc(x + k))
    return np.asarray(matrix, dtype=np.float64)


def design(spec: Spec) -> tuple[Floats, float]:
    """Return the series coefficients and the stop-band level in dB."""
    n_terms = round(2 * spec.half_width * SERIES_BANDWIDTH) + 1
    step = 1 / (2 * spec.half_width * GRID_DENSITY)
    pass_f = np.linspace(0, spec.pass_edge, int(spec.pass_edge / step) + 2)
    stop_f = np.linspace(spec.stop_edge, FAR_FREQUENCY, int((FAR_FREQUENCY - spec.stop_edge) / step) + 2)
    in_pass, in_stop = response(spec.half_width, n_terms, pass_f), response(spec.half_width, n_terms, stop_f)
    level = np.minimum(1.0, stop_f**-3)[:, None]  # above the lower rate the bound falls: the images add up
    ripple = 10 ** (spec.ripple_db / 20) - 1
    zero = np.zeros((len(pass_f), 1))
    bounded = np.block([[in_pass, zero], [-in_pass, zero], [in_stop, -level], [-in_stop, -level]])
    bound = np.concatenate(
        [np.full(len(pass_f), 1 + ripple), np.full(len(pass_f), ripple - 1), np.zeros(2 * len(stop_f))]
    )
    unity_at_dc = np.append(response(spec.half_width, n_terms, np.zeros(1))[0], 0)
    zero_at_end = np.append((-1.0) ** np.arange(n_terms), 0)
    scale = np.append(np.full(n_terms, 1 / spec.half_width), 1e-4)  # conditions the program
    solution = linprog(
        np.append(np.zeros(n_terms), 1.0),
        A_ub=bounded * scale,
        b_ub=bound,
        A_eq=np.vstack([unity_at_dc, zero_at_end]) * scale,
        b_eq=[1.0, 0.0],
        bounds=[(None, None)] * n_terms + [(0, None)],
        method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if not solution.success:
        raise RuntimeError(f"{spec.name}: {solution.message}")
    found = solution.x * scale
    return found[:-1], 20 * np.log10(found[-1])


def render(spec: Spec, coefficients: Floats, stop_db: float) -> str:
    """One preset as Python source."""
    terms = "\n".join(f"            {value!r}," for value in coefficients.tolist())
    return (
        f'    "{spec.name}": Prototype(  # stop band {stop_db:.1f} dB from {spec.stop_edge:g},'
        f" ripple {spec.ripple_db:g} dB to {spec.pass_edge:g}\n"
        f"        half_width={spec.half_width!r},\n"
        f"        series=(\n{terms}\n        ),\n    ),\n"
    )


HEADER = '''"""The low-pass prototypes of the presets, written by ``scripts/design_prototypes.py``."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PROTOTYPES", "Prototype"]


class Prototype(NamedTuple):
    """A low-pass impulse response in continuous time; unit of time: one sample at the lower rate."""

    half_width: float
    """The response is zero outside [-half_width, half_width]."""
    series: tuple[float, ...]
    """h(t) = sum of series[k] cos(pi k t / half_width)."""


PROTOTYPES: dict[str, Prototype] = {
'''


def main() -> None:
    """Design every preset and write the module."""
    body = "".join(render(spec, *design(spec)) for spec in SPECS)
    TARGET.write_text(HEADER + body + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
