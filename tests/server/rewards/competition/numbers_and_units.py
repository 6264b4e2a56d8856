"""Numbers, fractions, percentages, money, units, times, bases."""

# ruff: noqa: E501 - an answer with its variants a line reads best
# fmt: off

from __future__ import annotations

from .entry import Entry

INTEGERS = [
    Entry("spellings of thousands", "1000000", ("1,000,000", "1{,}000{,}000", "1\\,000\\,000", "1, \\!000, \\!000", "1 000 000", "10^6", "10^{6}", "1\\times 10^6", "1e6", "1.0 \\times 10^{6}", "1,\\!000,\\!000", "1~000~000", "\\text{1,000,000}", "1 million", "one million"), ("100000", "10,000,000", "1,000", "1,000,001", "10^5", "1.000", "1,000,00")),
    Entry("signs", "-7", ("-7", "−7", "–7", "- 7", "(-7)", "-7.0", "-\\,7", "{-7}", "\\boxed{-7}", "negative 7", "negative seven", "-\\frac{14}{2}", "$-7$", "-{7}"), ("7", "+7", "--7", "-77", "-0.7", "7-", "-7!", "\\pm 7", "|-7|")),
    Entry("an explicit plus", "12", ("+12", "12.", "12.00", "012", "$12$", "\\(12\\)", "\\[12\\]", "$$12$$", "\\text{12}", "\\mathbf{12}", "\\textbf{12}", "\\mathrm{12}", "{12}", "12\\ ", "~12", "\\ 12", "12\\,", "12;", "**12**", "twelve", "Twelve", "\\text{twelve}", "１２", "𝟏𝟐", "𝟭𝟮"), ("1 2", "12!", "21", "1.2", "120", "-12", "12i", "12x", "12^2", "1/2", "twenty", "twelfth", "#12#", "٢١")),
    Entry("AIME answers have leading zeros", "25", ("025", "0025", "25"), ("0.25", "250", "205", "052")),
    Entry("zero", "0", ("0", "0.0", "-0", "+0", "zero", "0/5", "\\frac{0}{3}", "00", "0 \\text{ units}", "0%"), ("O", "o", "\\emptyset", "no solution", "1", "\\infty", "none", "null")),
    Entry("number words", "21", ("twenty-one", "twenty one", "Twenty-one", "\\text{twenty-one}", "twenty-one."), ("twenty", "one", "twelve", "two one", "thirty-one", "twenty-two", "two hundred ten")),
    Entry("number words", "105", ("one hundred and five", "one hundred five", "a hundred and five", "One Hundred Five"), ("one hundred", "five", "one hundred fifty", "one thousand five", "one hundred or five")),
    Entry("number words", "2019", ("two thousand nineteen", "two thousand and nineteen", "2,019"), ("two thousand ninety", "twenty nineteen hundred", "two thousand", "2,091")),
    Entry("number words for the reference", "seven", ("7", "seven", "Seven", "7.0", "\\boxed{7}", "\\text{seven}"), ("8", "eight", "seventy", "seventh", "17")),
    Entry("number words with a unit", "12 \\text{ inches}", ("twelve inches", "12 in", "12", "12 inches"), ("twelve feet", "eleven inches")),
    Entry("fraction words", "\\frac{3}{4}", ("three-fourths", "three fourths", "three quarters", "three-quarters", "3/4"), ("one-fourth", "three-fifths", "three", "four-thirds", "three or four", "thirds")),
    Entry("fraction words", "1/2", ("one half", "one-half", "half", "a half", "\\text{one half}"), ("two", "one", "one-third", "half of it is 3", "halves")),
    Entry("fraction words", "2/3", ("two-thirds", "two thirds", "Two thirds"), ("two-third-thirds", "three halves", "one third", "two")),
    Entry("mixed number words", "2.5", ("two and a half", "two and one-half", "2 1/2", "2\\frac12", "5/2", "2½"), ("two", "one half", "two and a quarter", "three and a half")),
    Entry("a scale word", "2500000", ("2.5 million", "2,500,000", "2.5\\text{ million}", "2.5 \\times 10^6", "two and a half million"), ("2.5", "2.5 billion", "25 million")),
    Entry("once, twice, a dozen", "12", ("a dozen", "one dozen"), ("two dozen", "a score")),
    Entry("large integers", "123456789012345678901234567890", ("123,456,789,012,345,678,901,234,567,890", "123456789012345678901234567890.0"), ("123456789012345678901234567891", "1.2345678901234567890123456789e28", "12345678901234567890123456789")),
    Entry("powers stay powers", "2^{100}", ("1267650600228229401496703205376", "4^{50}", "2^{99}\\cdot 2", "2^{99}+2^{99}", "(2^{50})^2", "2^{10^2}", "1024^{10}"), ("2^{101}", "2^{99}", "200", "100^2", "1267650600228229401496703205377", "1.2676506e30", "2^{10}^{10}")),
    Entry("factored integers", "360", ("2^3\\cdot 3^2\\cdot 5", "2^3 \\times 3^2 \\times 5", "6!/2", "\\frac{6!}{2}", "3 \\cdot 120", "5!\\cdot 3", "8\\cdot 45"), ("2^3\\cdot 3^2", "2\\cdot3\\cdot5", "6!", "36", "2^3 + 3^2 + 5")),
    Entry("factorials and binomials", "\\binom{10}{3}", ("120", "5!", "{10 \\choose 3}", "\\binom{10}{7}", "\\dbinom{10}{3}", "C(10,3)", "\\frac{10!}{3!7!}", "\\frac{10\\cdot 9\\cdot 8}{6}", "{}_{10}C_3", "\\tbinom{10}{3}", "^{10}C_3"), ("\\binom{10}{4}", "720", "\\frac{10}{3}", "(10,3)", "10!/3!", "\\binom{3}{10}")),
    Entry("a modulus", "3 \\pmod{7}", ("3 \\pmod 7", "3 \\mod 7", "3 (mod 7)", "x\\equiv 3\\pmod 7", "x \\equiv 3 \\pmod{7}", "3\\bmod 7", "n \\equiv 3 \\pmod{7}", "x ≡ 3 (mod 7)", "10 \\pmod 7"), ("4 \\pmod 7", "3 \\pmod 8", "x\\equiv -3 \\pmod 7", "7 \\pmod 3")),
    Entry("a modulus that only one names", "3", ("3 \\pmod 7", "3 \\bmod 7", "x \\equiv 3 \\pmod{7}"), ("4 \\pmod 7", "7 \\pmod 3")),
    Entry("numbers with a period at the end", "42", ("42.", "42.0.", "42\\text{.}", "42,", "$42.$", "42 .", "the answer is 42", "x=42.", "\\text{The answer is }42", "42\\\\", "42\\quad"), ("4.2", "42.1", "420", "2", "4,2", "42..5")),
]
FRACTIONS = [
    Entry("spellings of a fraction", "\\frac{1}{2}", ("\\frac12", "\\dfrac{1}{2}", "\\tfrac12", "\\frac 1 2", "\\frac{1}2", "\\frac1{2}", "\\cfrac{1}{2}", "1/2", "½", "0.5", ".5", "0.50", "\\frac{2}{4}", "50\\%", "{1 \\over 2}", "1 \\over 2", "\\left(\\frac{1}{2}\\right)", "2^{-1}", "\\frac{1}{2}.", "\\displaystyle\\frac{1}{2}", "1⁄2", "1∕2", "\\frac{-1}{-2}", "\\frac{\\;1\\;}{2}", "\\frac{1.0}{2.0}", "1\\div2", "5\\times10^{-1}", "\\nicefrac{1}{2}", "\\sfrac{1}{2}"), ("2", "\\frac{2}{1}", "-\\frac12", "\\frac{1}{3}", "0.05", "12", "1.2", "\\frac{1}{2}x", "\\sqrt{\\frac12}", "1/20", "(1,2)", "1:3", "1\\frac12", "\\frac{1}{2}\\pi", "½²")),
    Entry("a sign before, above or below", "-\\frac{3}{4}", ("\\frac{-3}{4}", "\\frac{3}{-4}", "-3/4", "(-3)/4", "-0.75", "-.75", "-\\dfrac{3}{4}", "−¾", "-\\frac34", "\\left(-\\frac{3}{4}\\right)", "-\\left(\\frac34\\right)", "-75\\%"), ("\\frac34", "\\frac{-3}{-4}", "-\\frac43", "-\\frac{4}{3}", "-34", "-3,4", "-(-\\frac34)", "-1\\frac{3}{4}")),
    Entry("mixed numbers", "3\\frac{1}{7}", ("\\frac{22}{7}", "22/7", "3 1/7", "3 \\frac17", "3+\\frac17", "3\\tfrac{1}{7}", "3\\ \\frac{1}{7}", "3\\,\\frac{1}{7}", "3~\\frac{1}{7}", "3 and 1/7", "3 + 1/7", "3\\;1/7"), ("\\frac{3}{7}", "31/7", "3.14", "\\pi", "-3\\frac17", "3\\cdot\\frac17", "3 1/8", "2\\frac17", "3-\\frac17")),
    Entry("a negative mixed number", "-2\\frac{1}{3}", ("-\\frac{7}{3}", "-7/3", "-(2\\frac13)", "-2 1/3", "-2-\\frac13"), ("-\\frac53", "-2+\\frac13", "2\\frac13", "-\\frac23")),
    Entry("fractions of expressions", "\\frac{n+1}{2n}", ("(n+1)/(2n)", "\\frac12+\\frac{1}{2n}", "\\frac{1}{2}\\left(1+\\frac1n\\right)", "\\dfrac{n+1}{2n}", "{n+1\\over 2n}", "\\frac{1+n}{2\\cdot n}", "\\frac{n + 1}{n + n}", "0.5(n+1)/n"), ("(n+1)/2n+1", "\\frac{n-1}{2n}", "\\frac{n+1}{2}", "n+1/2n", "\\frac{2n}{n+1}", "\\frac{n}{2n}", "\\frac{m+1}{2m}")),
    Entry("repeating decimals", "\\frac{1}{3}", ("0.\\overline{3}", "0.\\bar{3}", "0.\\bar3", "0.\\overline 3", ".\\overline{3}", "0.(3)", "0.333\\ldots", "0.333...", "0.3333…", "0.\\dot{3}", "0.\\dot3", "0.3\\overline{3}", "33\\frac13\\%", "0.3̅", "0.\\overline{33}", "0.33\\overline{3}"), ("0.3", "0.33", "0.3333", "0.\\overline{6}", "3.\\overline{3}", "\\frac13x", "0.\\overline{03}", "0.0\\overline{3}", "33%", "0.34")),
    Entry("longer periods", "\\frac{4}{33}", ("0.\\overline{12}", "0.\\dot{1}\\dot{2}", "0.(12)", "0.121212\\ldots", "0.1\\overline{21}", "0.12\\overline{12}", "0.\\overline{1212}", "0.1212..."), ("0.12", "0.1\\overline{2}", "0.\\overline{21}", "0.\\overline{012}", "0.1212")),
    Entry("decimals", "3.75", ("3.750", "15/4", "3\\frac34", "375/100", "3{.}75", "3 3/4", "375\\%", "+3.75", "$3.75", "\\$3.75"), ("3.7", "37.5", "3.57", "3.8", "-3.75", "3.75x", "3.75.1")),
    Entry("a decimal comma is no thousand", "3.14", ("3.14", "157/50", "3{.}14"), ("314", "\\pi", "3.15", "3.1", "3.14159", "22/7")),
    Entry("scientific notation", "6.02\\times 10^{23}", ("6.02 \\cdot 10^{23}", "6.02e23", "6.02E23", "6.02 x 10^23", "6.02*10^23", "602\\times 10^{21}", "6.02 × 10²³", "60.2\\times10^{22}", "6.02\\times10^{23}."), ("6.02\\times 10^{22}", "6.02\\times 10^{-23}", "6.02", "6.02\\times 23", "6.2\\times 10^{23}", "6.02+10^{23}")),
    Entry("small numbers", "2.5\\times10^{-4}", ("0.00025", "2.5e-4", "\\frac{1}{4000}", "25\\times 10^{-5}", "2.5 \\times 10^{-4}", "0.025\\%", "2.5·10⁻⁴"), ("0.0025", "2.5\\times 10^{4}", "2.5\\times10-4", "0.000025", "-0.00025")),
]
PERCENT_AND_MONEY = [
    Entry("percentages", "25\\%", ("25%", "25", "25 percent", "25\\text{ percent}", "0.25", "\\frac14", "25.0\\%", "25 \\%", "25\\,\\%", "$25\\%$", "25 per cent", "25\\ \\%", "\\frac{1}{4}", "\\text{25%}", "twenty-five percent"), ("2.5%", "0.25\\%", "75\\%", "2500\\%", "-25%", "24%", "125\\%", "0.0025", "25\\% or 30\\%")),
    Entry("a percentage with a fraction", "33\\frac{1}{3}\\%", ("33 1/3%", "\\frac{100}{3}\\%", "\\frac13", "33.\\overline{3}\\%", "\\frac{100}{3}", "33\\frac13", "33\\tfrac13 \\%", "33.333...\\%"), ("33%", "33.3%", "\\frac{1}{3}\\%", "34\\%", "66\\frac23\\%")),
    Entry("percent of an expression", "\\frac{200}{\\pi}\\%", ("\\frac{200}{\\pi} \\%", "\\frac{200}{\\pi}", "\\frac{2}{\\pi}", "\\frac{200}{\\pi}\\text{ percent}"), ("\\frac{100}{\\pi}\\%", "\\frac{20}{\\pi}", "200\\pi\\%")),
    Entry("dollars", "\\$18.90", ("18.90", "$18.90", "18.9", "\\$18.9", "\\text{\\$}18.90", "18.90 dollars", "18.90\\text{ dollars}", "\\$ 18.90", "USD 18.90", "18.90 USD", "1890 cents", "18 dollars and 90 cents", "\\$18\\frac{9}{10}", "$\\$18.90$", "18.90\\$"), ("\\$1890", "18.90 cents", "\\$18.09", "€18.90", "\\$18", "\\$19", "-\\$18.90", "18 dollars", "90 cents", "\\$18.90 or \\$20")),
    Entry("cents", "75 \\text{ cents}", ("75", "75 cents", "75¢", "\\$0.75", "$.75", "75\\,\\text{cents}", "seventy-five cents", "75\\cent"), ("\\$75", "7.5 cents", "75 dollars", "57 cents", "\\$7.50")),
    Entry("thousands of dollars", "\\$1,250,000", ("1250000", "$1,250,000", "\\$1{,}250{,}000", "1.25 million dollars", "\\$1.25 million", "1,250,000.00", "\\$1.25\\text{ million}", "1,250,000 dollars"), ("\\$1,250", "\\$125,000", "\\$12.5 million", "1.25", "\\$1,205,000")),
    Entry("other currencies", "£45", ("45", "£45.00", "45 pounds", "\\pounds 45", "\\text{£}45", "45 GBP"), ("\\$45", "€45", "£54", "45 pence", "£4.5")),
]
UNITS = [
    Entry("a length", "12\\text{ cm}", ("12", "12 cm", "12cm", "12\\,\\text{cm}", "12\\ \\mathrm{cm}", "12~\\mathrm{cm}", "12 centimeters", "12\\text{ centimetres}", "12\\ \\text{cm}.", "12 \\operatorname{cm}", "120\\text{ mm}", "0.12 m", "12\\;cm", "12\\textrm{ cm}", "12\\mbox{ cm}", "\\text{12 cm}", "\\mathrm{12\\,cm}", "12.0 cm", "12\\hspace{1mm}\\text{cm}", "12\\mathrm{\\,cm}", "12\\mathrm{~cm}"), ("12 m", "12 kg", "12\\text{ cm}^2", "1.2 cm", "21 cm", "12 in", "12 mm", "12 seconds", "11 cm")),
    Entry("an area", "24\\pi\\text{ cm}^2", ("24\\pi", "24\\pi \\text{ square centimeters}", "24π cm²", "24\\pi\\,\\mathrm{cm}^2", "24 \\pi \\ cm^2", "24\\pi \\text{ cm}^{2}", "24\\pi\\text{ sq cm}", "24\\pi \\text{ sq. cm}", "24\\pi\\text{ units}^2", "24\\pi \\text{ square units}"), ("24", "12\\pi", "24\\pi \\text{ cm}^3", "24\\pi^2", "75.4", "24\\pi + 2", "24\\pi\\text{ m}^2")),
    Entry("square units", "20\\text{ square units}", ("20", "20 square units", "20\\text{ units}^2", "20 sq. units", "20\\text{ sq units}", "20 units^2", "20 units squared", "twenty square units"), ("20 cubic units", "400", "2 square units", "20^2", "40 square units")),
    Entry("a speed", "60\\text{ mph}", ("60", "60 miles per hour", "60 mi/h", "60\\text{ miles/hour}", "60\\ \\mathrm{mph}", "60 mph", "60\\text{ miles per hour}", "60 \\frac{\\text{miles}}{\\text{hour}}"), ("60 km/h", "6 mph", "60 miles", "60 hours", "1 mph", "60 mi/s")),
    Entry("a metric speed", "5 \\text{ m/s}", ("5", "5 m/s", "5\\,\\mathrm{m/s}", "5 meters per second", "5\\text{ m s}^{-1}", "5\\ \\text{m}\\cdot\\text{s}^{-1}", "5\\frac{\\text{m}}{\\text{s}}", "18 km/h", "5 metres/second"), ("5 km/h", "5 m/s^2", "50 m/s", "5 m", "5 s")),
    Entry("a time span", "2\\text{ hours}", ("2", "2 hours", "2 h", "2 hrs", "2\\text{ hr}", "120 minutes", "two hours", "2.0 hours", "120 min", "7200 seconds"), ("2 minutes", "120 hours", "2 days", "3 hours", "20 hours", "120")),
    Entry("hours and minutes", "1 hour 30 minutes", ("1.5 hours", "90 minutes", "1 hr 30 min", "1\\text{ hour }30\\text{ minutes}", "1 hour and 30 minutes", "1\\frac12 hours", "1 h 30 min"), ("1 hour", "30 minutes", "1 hour 20 minutes", "1.3 hours", "130 minutes", "2 hours 30 minutes")),
    Entry("feet and inches", "5 feet 10 inches", ("5 ft 10 in", "70 inches", "5 feet, 10 inches", "5 feet and 10 inches", "5\\text{ ft }10\\text{ in}"), ("5 feet", "10 inches", "510 inches", "5 feet 11 inches", "6 feet 10 inches", "5.10 feet")),
    Entry("degrees", "45^\\circ", ("45", "45°", "45 degrees", "45^{\\circ}", "45\\degree", "45\\text{ degrees}", "45º", "45 deg", "\\frac{\\pi}{4}", "45^\\circ.", "\\angle A = 45^\\circ", "45^{\\circ}\\text{.}", "\\theta=45^\\circ", "45{}^\\circ", "{45}^\\circ", "45\\ ^\\circ", "45\\,^{\\circ}", "\\pi/4 \\text{ radians}"), ("135^\\circ", "54^\\circ", "4.5^\\circ", "45\\pi", "-45^\\circ", "\\frac{\\pi}{2}", "45\\%", "45x", "90 - 45x")),
    Entry("degrees and minutes", "22.5^\\circ", ("22.5", "\\frac{45}{2}", "22\\frac12^\\circ", "22^\\circ 30'", "\\frac{45}{2}^\\circ", "\\left(\\frac{45}{2}\\right)^\\circ", "\\frac{\\pi}{8}", "22.5°"), ("22^\\circ", "22.3^\\circ", "22^\\circ 15'", "23^\\circ", "2.25^\\circ")),
    Entry("temperatures", "-40^\\circ\\text{F}", ("-40", "-40°F", "-40 degrees Fahrenheit", "-40^\\circ F", "-40^{\\circ}\\mathrm{F}", "-40\\text{ degrees}"), ("40°F", "-4°F", "-40^\\circ\\text{K}", "-14 F", "40")),
    Entry("counts", "15\\text{ students}", ("15", "15 students", "fifteen", "15 \\text{ students}", "There are 15 students", "15 people", "fifteen students"), ("5 students", "15 or 16", "51", "15%", "at least 15", "less than 15", "150 students")),
    Entry("ways", "24\\text{ ways}", ("24", "4!", "24 ways", "24\\text{ different ways}", "4\\cdot 3\\cdot 2\\cdot 1", "24 arrangements"), ("42", "24!", "2.4", "12 ways", "4")),
    Entry("years", "18\\text{ years old}", ("18", "18 years", "18 years old", "eighteen", "18\\text{ yrs}", "18 yr"), ("81", "18 months", "8", "1.8", "17 years")),
    Entry("unknown unit words", "7 \\text{ goblins}", ("7", "7 goblins", "seven goblins"), ("8 goblins", "77", "7 or 8 goblins", "70 goblins")),
    Entry("litres", "3.5\\text{ L}", ("3.5", "3.5 liters", "3.5 L", "3\\frac12 \\text{ liters}", "3500 mL", "7/2 L", "3500\\text{ ml}"), ("35 L", "3.5 mL", "3.5 kg", "35 mL", "3 L")),
    Entry("volumes", "36\\pi \\text{ in}^3", ("36\\pi", "36\\pi\\text{ cubic inches}", "36π in³", "36\\pi\\, \\text{in.}^3", "36 \\pi cubic inches"), ("36\\pi \\text{ in}^2", "36", "36\\pi\\text{ ft}^3", "6\\pi", "72\\pi")),
    Entry("areas convert with a square", "1 \\text{ m}^2", ("10000\\text{ cm}^2", "1", "1 square meter", "1 m²"), ("100\\text{ cm}^2", "1 m", "1\\text{ m}^3", "10 \\text{ m}^2")),
]
BASES_AND_TIMES = [
    Entry("a base as subscript", "101_2", ("101_{2}", "101_{\\text{two}}", "(101)_2", "101_{(2)}", "101\\text{ base }2", "101 base 2", "101_{two}", "101_{\\mathrm{two}}", "{101}_2", "101_\\text{two}", "(101)_{2}", "101_{\\text{base }2}", "101\\text{ in base }2", "0101_2", "101_{\\textrm{two}}", "101₂"), ("101", "5", "101_3", "110_2", "11_2", "1010_2", "-101_2", "101_{10}", "10_5", "101_{22}")),
    Entry("a base above ten", "\\text{AF}_{16}", ("AF_{16}", "\\mathrm{AF}_{16}", "af_{16}", "(AF)_{16}", "AF_{\\text{sixteen}}"), ("FA_{16}", "AF", "175", "AF_{15}", "A_{16}")),
    Entry("hidden base ten", "45", ("45_{10}", "45_{\\text{ten}}", "45"), ("45_8", "45_9", "54_{10}", "101101_2")),
    Entry("base seven", "4210_7", ("4210_{7}", "4210_{\\text{seven}}", "(4210)_7"), ("4210", "4210_8", "421_7", "1477", "4201_7", "0421_7")),
    Entry("ratios", "3:5", ("3 : 5", "3\\colon5", "3 to 5", "\\frac{3}{5}", "3/5", "6:10", "\\text{3:5}", "3{:}5", "3 \\text{ to } 5", "3\\!:\\!5", "0.6:1", "1.5:2.5", "\\text{3 to 5}", "3 ∶ 5"), ("5:3", "3:8", "35", "3.5", "3:5:1", "8", "-3:5", "3:50", "(3,5)")),
    Entry("ratios of three", "1:2:3", ("2:4:6", "1 : 2 : 3", "1\\colon 2\\colon 3", "1 to 2 to 3"), ("1:3:2", "3:2:1", "1:2", "1:2:4", "6", "123")),
    Entry("ratios of expressions", "\\sqrt{2}:1", ("\\sqrt2 : 1", "2:\\sqrt{2}", "\\sqrt{2} \\text{ to } 1"), ("1:\\sqrt2", "2:1", "\\sqrt{3}:1", "\\sqrt2:2")),
    Entry("odds", "4:1", ("4 to 1", "4:1", "8:2"), ("1:4", "1/4", "5:1", "41")),
    Entry("times of day", "3:45\\text{ p.m.}", ("3:45 PM", "3:45pm", "3:45 p.m.", "15:45", "3:45\\text{ PM}", "\\text{3:45 p.m.}", "3:45 \\mathrm{pm}", "03:45 PM", "3:45 P.M.", "3{:}45\\text{ p.m.}", "3:45\\ \\text{PM}"), ("3:45 AM", "3:54 PM", "4:45 PM", "3:45:10 PM", "345", "3.75 PM", "15:54")),
    Entry("whole hours", "5\\text{ PM}", ("5:00 PM", "5 pm", "17:00", "5 p.m.", "5 o'clock PM", "5:00\\text{ p.m.}"), ("5 AM", "5:30 PM", "5 cm", "6 PM", "17:30")),
    Entry("noon and midnight", "12:00\\text{ noon}", ("12:00 PM", "noon", "12 noon", "12:00 noon", "12 PM"), ("12:00 AM", "midnight", "0:00", "1 PM")),
    Entry("dates", "July 4, 1776", ("4 July 1776", "July 4th, 1776", "\\text{July 4, 1776}", "Jul 4, 1776", "1776-07-04", "the 4th of July, 1776", "July 4 1776"), ("July 5, 1776", "June 4, 1776", "July 4, 1777", "July 1776", "1776", "July 4 or 5, 1776")),
    Entry("months and weekdays", "Thursday", ("\\text{Thursday}", "thursday", "Thursday.", "\\textbf{Thursday}", "THURSDAY", "on Thursday", "\\text{ Thursday}"), ("Tuesday", "Friday", "Thursday or Friday", "not Thursday", "4", "Thursday, Friday")),
    Entry("years stay whole", "1994", ("1994", "1,994", "\\text{1994}", "the year 1994", "in 1994"), ("1949", "94", "1994 or 1995", "1995", "19.94")),
]
