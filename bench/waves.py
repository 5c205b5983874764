"""Order picking on a real day: walking by waves against walking order by order.

The busiest day of Online Retail (UCI, 2010-12 to 2011-03, the part that is in the shared data), or
a seeded day of the same shape where the data is not there. An item's bin follows from its code:
nobody slotted this hall. `python -m bench.waves` prints the figures.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from core.orders.sales.plan import Limits, Waiting, plan
from core.orders.sales.walk import Hall, Spot, in_walking_order, spot

DATA = Path(__file__).parents[2] / "shared/data/online_retail/online_retail_2010-12_2011-03.csv.gz"
AISLES, BAYS, LEVELS = 20, 40, 4

Orders = Mapping[str, Sequence[str]]  # order → item codes


@dataclass(frozen=True, slots=True)
class Compared:
    """One day walked twice. Lengths in metres of an assumed hall (core/orders/sales/walk.py)."""

    day: str
    orders: int
    lines: int
    waves: int
    by_order_m: int
    by_wave_m: int
    stops_by_order: int
    stops_by_wave: int

    @property
    def shorter(self) -> float:
        """How much of the way is saved, 0–1."""
        return 1 - self.by_wave_m / self.by_order_m

    def __str__(self) -> str:
        return (
            f"{self.day}: {self.orders} orders, {self.lines} lines, {self.waves} waves; "
            f"way {self.by_order_m:,} m order by order, {self.by_wave_m:,} m by wave "
            f"({self.shorter:.0%} less); lines per walk {self.lines / self.orders:.1f} → "
            f"{self.lines / self.waves:.1f}; stops {self.stops_by_order:,} → {self.stops_by_wave:,}"
        )


def busiest_day(path: Path = DATA) -> tuple[str, Orders]:
    """The day with the most sold lines, its invoices and what is on them."""
    days: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if int(row["Quantity"]) > 0 and not row["InvoiceNo"].startswith("C"):
                days[row["InvoiceDate"][:10]][row["InvoiceNo"]].append(row["StockCode"])
    day = max(days, key=lambda each: sum(map(len, days[each].values())))
    return day, days[day]


def seeded_day(seed: int = 5) -> tuple[str, Orders]:
    """A day of the same shape: a few long orders, many short ones, popular goods."""
    random = Random(seed)
    items = [f"{n:05d}" for n in range(2_500)]
    weights = [1 / (rank + 20) for rank in range(len(items))]
    orders = {
        f"O{n}": random.choices(items, weights, k=max(1, int(random.expovariate(1 / 25))))
        for n in range(110)
    }
    return f"seed {seed}", orders


def bins_of(orders: Orders) -> dict[str, Spot]:
    """Item → bin, in the order of the item codes; two items never share one."""
    codes = sorted({code for lines in orders.values() for code in lines})
    return {code: spot(_bin(number)) for number, code in enumerate(codes)}


def _bin(number: int) -> str:
    level, rest = number % LEVELS, number // LEVELS
    return f"A-{rest // BAYS % AISLES + 1:02d}-{rest % BAYS + 1:02d}-{level + 1}"


def compare(day: str, orders: Orders, limits: Limits | None = None) -> Compared:
    """Walk the day order by order, then as `plan` cuts it into waves."""
    bins = bins_of(orders)
    hall = Hall(bins.values())
    lying = {order: tuple(bins[code] for code in lines) for order, lines in orders.items()}
    waves = plan((Waiting(order, "", None, False, spots) for order, spots in lying.items()), limits)
    walks = [
        in_walking_order(each for order in wave.sale_ids for each in lying[order]) for wave in waves
    ]
    single = [in_walking_order(spots) for spots in lying.values()]
    return Compared(
        day,
        len(orders),
        sum(map(len, orders.values())),
        len(waves),
        sum(hall.length_cm(walk) for walk in single) // 100,
        sum(hall.length_cm(walk) for walk in walks) // 100,
        sum(map(len, single)),
        sum(map(len, walks)),
    )


def main() -> None:
    """Print the day."""
    day, orders = busiest_day() if DATA.exists() else seeded_day()
    print(compare(day, orders))


if __name__ == "__main__":
    main()
