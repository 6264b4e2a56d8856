"""What generated databases are about: a name, then its tables in a line each.

``name!`` is what rows are called by, ``word`` a text from few, ``number#1-9`` whole numbers, ``number$1-9`` amounts
with cents, ``table>`` a reference to a table before it. The number of a table's rows follows its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

ColumnKind = Literal["name", "word", "whole", "amount", "reference"]

_THEMES = """
bookshop
    author*14 name! country born#1930-1995
    book*40 title! author> genre pages#80-900 price$5-60
    sale*90 book> year#2015-2024 copies#1-400
football
    club*12 name! city founded#1880-1990
    player*60 name! club> position age#17-38 goals#0-200
    transfer*50 player> year#2010-2024 fee$0-90
hospital
    ward*8 name! floor#0-9 beds#4-40
    doctor*24 name! ward> specialty salary#40000-180000
    visit*100 doctor> day#1-365 minutes#5-120 reason
cinema
    director*15 name! country born#1930-1990
    film*45 title! director> genre year#1970-2024 budget$1-200
    showing*90 film> screen#1-9 seats#10-300
airline
    airport*16 name! country altitude#0-3500
    flight*60 code! airport> weekday minutes#40-800 price$30-900
    booking*110 flight> class bags#0-4
school
    teacher*14 name! subject hired#1985-2023
    course*30 title! teacher> room#1-60 credits#1-8
    grade*120 course> term score#1-100
museum
    hall*9 name! floor#0-4 area#50-900
    work*50 title! hall> artist style year#1400-2020
    loan*40 work> city days#5-300
farm
    field*12 name! soil hectares$1-80
    crop*36 variety! field> kind planted#1-200 yield$1-90
    harvest*70 crop> day#150-330 tonnes$0.5-40
restaurant
    kitchen*8 name! city stars#0-3
    dish*45 title! kitchen> course calories#80-1600 price$3-70
    order_line*120 dish> weekday plates#1-12
railway
    line*9 name! region opened#1850-2010
    station*48 name! line> city platforms#1-24
    departure*110 station> hour#0-23 delay#0-90 kind
music
    band*16 name! country formed#1960-2020
    album*48 title! band> label year#1962-2024 sales#1-900
    track*130 album> position#1-20 seconds#60-900
library
    branch*9 name! district shelves#20-400
    volume*60 title! branch> language year#1900-2024
    lending*120 volume> month#1-12 days#1-60
zoo
    house*10 name! climate area#20-2000
    animal*54 name! house> species weight$0.1-900 age#0-60
    feeding*100 animal> food grams#10-9000
bank
    branch*10 name! city opened#1950-2020
    account*60 number! branch> kind balance$0-9000
    payment*120 account> month#1-12 amount$1-2000 purpose
shipping
    port*14 name! country depth#5-25
    ship*40 name! port> flag built#1970-2023 tonnage#500-90000
    cargo*90 ship> goods containers#1-900
energy
    region*10 name! climate people#10-900
    plant*40 name! region> fuel built#1950-2022 megawatts#5-1500
    outage*80 plant> cause hours$0.5-200
cycling
    team*10 name! country budget$1-40
    rider*56 name! team> role age#19-40 wins#0-60
    stage_result*110 rider> stage#1-21 place#1-150
chess
    club*10 name! city members#5-300
    member*50 name! club> title rating#1000-2800
    game*120 member> opening moves#10-120 result
wine
    estate*14 name! region founded#1650-2010
    bottle*48 label! estate> grape vintage#1980-2022 price$4-300
    tasting*90 bottle> taster points#70-100
software
    project*12 name! language started#2000-2023
    issue*60 title! project> severity age#0-900
    comment*130 issue> author words#1-600
weather
    town*18 name! country altitude#0-2500
    sensor*40 serial! town> kind installed#2005-2023
    reading*130 sensor> month#1-12 value$0-40
theatre
    house*9 name! city seats#80-2500
    play*40 title! house> genre acts#1-5 minutes#50-240
    ticket*110 play> weekday price$8-160
mining
    company*10 name! country founded#1880-2010
    mine*36 name! company> mineral depth#10-3500 workers#5-4000
    shift*90 mine> month#1-12 tonnes$1-900
hotel
    hotel*12 name! city stars#1-5
    room*54 number! hotel> kind beds#1-6 price$30-700
    stay*110 room> month#1-12 nights#1-30 guest
"""


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """A column; numbers lie between ``low`` and ``high``, a reference's ``name`` is the table it leads to."""

    name: str
    kind: ColumnKind
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class TablePlan:
    """A table and how many rows it has."""

    name: str
    rows: int
    columns: tuple[ColumnPlan, ...]


@dataclass(frozen=True, slots=True)
class Theme:
    """A database."""

    name: str
    tables: tuple[TablePlan, ...]


def _column(text: str) -> ColumnPlan:
    for mark, kind in (("#", "whole"), ("$", "amount")):
        name, found, ends = text.partition(mark)
        if found:
            low, _, high = ends.partition("-")
            return ColumnPlan(name, "whole" if kind == "whole" else "amount", float(low), float(high))
    if text.endswith("!"):
        return ColumnPlan(text[:-1], "name")
    return ColumnPlan(text[:-1], "reference") if text.endswith(">") else ColumnPlan(text, "word")


def _table(text: str) -> TablePlan:
    head, *columns = text.split()
    name, _, rows = head.partition("*")
    return TablePlan(name, int(rows), tuple(map(_column, columns)))


def _themes() -> Iterator[Theme]:
    name, tables = "", list[TablePlan]()
    for line in [*_THEMES.strip().splitlines(), ""]:
        if line.startswith(" "):
            tables.append(_table(line))
            continue
        if tables:
            yield Theme(name, tuple(tables))
        name, tables = line, []


THEMES: dict[str, Theme] = {theme.name: theme for theme in _themes()}
