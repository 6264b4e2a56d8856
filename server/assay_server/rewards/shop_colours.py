"""Which colour a text means to WebShop: the first of an alphabetical list that occurs in it, inside words too."""

from __future__ import annotations

from functools import lru_cache

# WebShop's list (princeton-nlp/WebShop, MIT), in its order: the first that occurs decides ("tangerine" is "tan").
_NAMES = """
    alabaster apricot aqua ash asphalt azure banana beige black blue blush bordeaux bronze brown burgundy camel camo
    caramel champagne charcoal cheetah chestnut chocolate christmas coffee cognac copper coral cranberry cream crystal
    dark denim eggplant elephant espresso fuchsia gold granite grape graphite grass gray green grey heather indigo
    ivory ivy khaki lavender lemon leopard light lilac lime magenta maroon mauve merlot midnight mint mocha multicolor
    mushroom mustard natural navy nude olive orange peach pewter pink plum purple rainbow red rose royal rust sand
    sapphire seashell silver skull slate steel stone stonewash sunflower tan taupe teal tiger turquoise violet walnut
    wheat white wine yellow
"""
COLOURS: tuple[str, ...] = tuple(_NAMES.split())


@lru_cache(maxsize=16_384)
def colour_of(text: str) -> str:
    """The colour that occurs in a text, else the text."""
    return next((colour for colour in COLOURS if colour in text), text)


def colour_of_pair(name: str, value: str) -> str | None:
    """The first colour that is exactly the name or the value of an option; None where neither is one."""
    return next((colour for colour in COLOURS if colour in (name, value)), None)
