"""What generated catalogues are written with. No brand or text is of a real shop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ware:
    """A kind of product.

    Attributes:
        path: of categories, below the category's own.
        head: what its titles end with.
        features: words for titles.
        attributes: what can be asked for; a product has four neighbours of the row.
        choices: options by name, with the name of the list that their values are taken from.
        prices: lowest and highest, in dollars.
    """

    category: str
    query: str
    path: str
    head: str
    features: tuple[str, ...]
    attributes: tuple[str, ...]
    choices: tuple[tuple[str, str], ...]
    prices: tuple[int, int]


def _ware(
    category: str, query: str, path: str, head: str, features: str, attributes: str, choices: str, prices: str
) -> Ware:
    named = [choice.partition("=") for choice in choices.split(", ")]
    low, high = prices.split("-")
    return Ware(
        category, query, path, head, tuple(features.split(", ")), tuple(attributes.split(", ")),
        tuple((name, values or f"{name}s") for name, _, values in named), (int(low), int(high)),
    )  # fmt: skip


TOP_CATEGORIES = {
    "fashion": "Clothing, Shoes & Jewelry",
    "beauty": "Beauty & Personal Care",
    "electronics": "Electronics",
    "garden": "Home & Kitchen",
    "grocery": "Grocery & Gourmet Food",
}

CHOICES: dict[str, tuple[str, ...]] = {
    "colors": (
        "black", "white", "navy blue", "dark green", "heather grey", "burgundy", "light blue", "khaki", "rose gold",
        "teal", "olive", "pink", "charcoal", "ivory", "yellow", "purple", "brown", "red", "silver", "orange",
    ),
    "sizes": ("x-small", "small", "medium", "large", "x-large", "xx-large", "3x-large"),
    "shoe sizes": ("5", "6", "6.5", "7", "8", "8.5", "9", "10", "10.5", "11", "12", "13"),
    "waists": ("28w x 30l", "30w x 30l", "30w x 32l", "32w x 32l", "34w x 30l", "34w x 34l", "36w x 32l", "38w x 30l"),
    "lengths": ("1.5 feet", "3 feet", "6.6 feet", "10 feet", "15 feet", "25 feet", "50 feet"),
    "capacities": ("16gb", "32gb", "64gb", "128gb", "256gb", "512gb"),
    "volumes": ("1 fl oz", "2 fl oz", "4 fl oz", "8 fl oz (pack of 1)", "12 fl oz (pack of 2)", "16 fl oz (pack of 1)"),
    "weights": (
        "2 ounce (pack of 24)", "3 ounce (pack of 4)", "7 ounce (pack of 6)", "12 ounce (pack of 2)",
        "1 pound (pack of 1)", "2 pound (pack of 1)", "5 pound (pack of 1)",
    ),
    "flavors": (
        "sea salt", "vanilla", "dark chocolate", "honey mustard", "lemon lime", "cinnamon apple", "coconut", "peach",
        "wild mint", "original", "hot chili", "maple pecan",
    ),
    "scents": ("lavender", "eucalyptus", "wild mint", "vanilla", "citrus", "cedar", "green tea", "rose"),
    "beds": ("twin", "full", "queen", "king", "california king"),
    "panels": ('42" x 63"', '42" x 84"', '52" x 63"', '52" x 84"', '52" x 95"', '52" x 108"'),
    "floors": ("2 x 3 ft", "3 x 5 ft", "4 x 6 ft", "5 x 8 ft", "8 x 10 ft", "9 x 12 ft"),
    "sets": ("1 count", "2 count", "3 count", "6 count", "12 count"),
    "styles": ("classic", "wireless", "with case", "with clip", "foldable", "compact"),
}  # fmt: skip

WARES = (
    _ware("fashion", "men's jeans", "Men › Clothing › Jeans", "Denim Jeans Pants",
          "Relaxed, Tapered, Bootcut, Stretch, Vintage, Washed",
          "slim fit, button closure, machine wash, cotton spandex, relaxed fit, straight leg, long lasting, hand wash",
          "color, size=waists", "25-80"),
    _ware("fashion", "women's dresses", "Women › Clothing › Dresses", "Summer Dress Sleeve",
          "Floral, Wrap, Pleated, Sleeveless, Flowing, Printed",
          "high waist, machine wash, polyester spandex, short sleeve, dry clean, elastic waist, v neck, soft lining",
          "color, size", "18-60"),
    _ware("fashion", "hiking boots", "Men › Shoes › Outdoor › Hiking Boots", "Leather Ankle Boots",
          "Waterproof, Trail, Insulated, Rugged, Laced, Padded",
          "slip resistant, rubber sole, non slip, steel toe, arch support, memory foam, ankle strap, anti slip",
          "color, size=shoe sizes", "45-190"),
    _ware("fashion", "walking shoes", "Women › Shoes › Athletic › Walking", "Sneakers Shoes",
          "Breathable, Cushioned, Knit, Lightweight, Mesh, Slip-on",
          "ethylene vinyl, vinyl acetate, rubber outsole, memory foam, non slip, arch support, lace up, easy care",
          "color, size=shoe sizes", "25-110"),
    _ware("fashion", "men's shirts", "Men › Clothing › Shirts › Casual", "Button Collar Shirt",
          "Plaid, Linen, Striped, Checked, Oxford, Flannel",
          "regular fit, long sleeve, button closure, machine wash, cotton blend, classic fit, hand wash, quick drying",
          "color, size", "15-70"),
    _ware("fashion", "winter socks", "Women › Clothing › Socks › Casual", "Crew Socks",
          "Cushioned, Ribbed, Thermal, Cotton, Merino, Low-cut",
          "moisture wicking, machine wash, nylon spandex, arch support, soft material, winter warm, tumble dry, thick",
          "color, size=sets", "8-35"),
    _ware("beauty", "hair shampoo", "Hair Care › Shampoo & Conditioner › Shampoos", "Hair Shampoo",
          "Gentle, Moisturizing, Clarifying, Volumizing, Strengthening, Soothing",
          "sulfate free, tea tree, cruelty free, damaged hair, paraben free, argan oil, dry hair, natural ingredients",
          "scent, size=volumes", "8-40"),
    _ware("beauty", "face serum", "Skin Care › Face › Treatments › Serums", "Vitamin Face Serum",
          "Brightening, Hydrating, Renewing, Firming, Smoothing, Balancing",
          "hyaluronic acid, fine lines, cruelty free, dark circles, "
          "dermatologist tested, alcohol free, dry skin, oily skin",
          "size=volumes", "12-90"),
    _ware("beauty", "electric toothbrush", "Oral Care › Toothbrushes › Electric", "Toothbrush Brush Heads",
          "Sonic, Rechargeable, Whitening, Travel, Quiet, Oscillating",
          "sensitive teeth, oral hygiene, easy to clean, long lasting, "
          "teeth whitening, bad breath, quiet, new bristles",
          "color, style", "20-140"),
    _ware("beauty", "lipstick", "Makeup › Lips › Lipstick", "Lip Lipstick",
          "Matte, Glossy, Creamy, Velvet, Liquid, Tinted",
          "long lasting, cruelty free, highly pigmented, easy to apply, animal testing, rose gold, non toxic, seed oil",
          "color, size=sets", "6-35"),
    _ware("beauty", "hair brush", "Hair Care › Styling Tools › Brushes", "Bristle Hair Brush",
          "Detangling, Vented, Round, Paddle, Boar, Heated",
          "hair styling, dry hair, easy to carry, hair growth, natural hair, fine hair, hair extensions, high quality",
          "color, style", "7-60"),
    _ware("electronics", "bluetooth speaker", "Portable Audio & Video › Speakers › Bluetooth",
          "Bluetooth Speaker Radio",
          "Outdoor, Waterproof, Rugged, Mini, Loud, Solar",
          "stereo sound, long lasting, easy to carry, water resistant, hands free, high power, easy to use, usb port",
          "color, style", "20-220"),
    _ware("electronics", "hdmi cable", "Accessories & Supplies › Cables › HDMI", "Video Cable Adapter",
          "Braided, High-speed, Slim, Shielded, Right-angle, Flexible",
          "gold plated, high speed, plug play, blu ray, ultra hd, 1080p hd, aluminum alloy, heavy duty",
          "size=lengths, color", "7-60"),
    _ware("electronics", "wireless earbuds", "Headphones › Earbud Headphones", "Earbuds Charging Case",
          "Sport, Noise-cancelling, Sweatproof, True, Deep-bass, Tiny",
          "noise cancelling, fast charging, hands free, stereo sound, "
          "water resistant, long lasting, high definition, easy to use",
          "color, style", "18-210"),
    _ware("electronics", "memory cards", "Computers › Storage › Memory Cards", "Camera Memory Card",
          "Ultra, Extreme, Rapid, Shockproof, Reliable, Pocket",
          "high speed, easy to use, plug play, high performance, quad core, dual band, optical zoom, ultra hd",
          "capacity=capacities, style", "9-120"),
    _ware("electronics", "tablet stands", "Computers › Tablet Accessories › Stands", "Tablet Stand Holder",
          "Adjustable, Folding, Swivel, Sturdy, Slim, Padded",
          "aluminum alloy, easy to install, carbon fiber, heavy duty, "
          "easy to carry, hands free, glass screen, non slip",
          "color, style", "12-75"),
    _ware("garden", "area rugs", "Rugs, Pads & Protectors › Area Rugs", "Floor Rug Carpet",
          "Shaggy, Woven, Fluffy, Braided, Flatweave, Washable",
          "easy to clean, living room, super soft, spot clean, dining room, "
          "non slip, machine washable, home furnishings",
          "color, size=floors", "25-320"),
    _ware("garden", "window curtains", "Window Treatments › Curtains & Drapes › Panels", "Window Curtains Panels",
          "Blackout, Sheer, Linen, Velvet, Pleated, Thermal",
          "machine washable, living room, easy to install, super soft, "
          "digital print, eco friendly, light filtering, easy care",
          "color, size=panels", "18-130"),
    _ware("garden", "office chairs", "Furniture › Home Office Furniture › Chairs", "Desk Chair Seat",
          "Ergonomic, Swivel, Reclining, Armless, Mid-back, Cushioned",
          "lumbar support, height adjustable, pu leather, easy assemble, "
          "high density, memory foam, heavy duty, metal legs",
          "color, style", "70-420"),
    _ware("garden", "bed sheets", "Bedding › Sheets & Pillowcases › Sheet Sets", "Bed Sheet Set",
          "Sateen, Percale, Brushed, Bamboo, Cooling, Crisp",
          "machine washable, super soft, queen size, king size, long lasting, "
          "easy care, twin size, exquisite workmanship",
          "color, size=beds", "22-140"),
    _ware("garden", "table lamps", "Lighting › Lamps & Shades › Table Lamps", "Lamp Light Shade",
          "Dimmable, Bedside, Industrial, Ceramic, Rattan, Touch",
          "glass shade, bronze finish, energy efficient, easy to install, "
          "living room, brushed nickel, soft glow, light fixture",
          "color, style", "18-160"),
    _ware("garden", "candles", "Home Fragrance › Candles", "Candle Wax Jar",
          "Aromatherapy, Hand-poured, Pillar, Layered, Slow-burning, Botanical",
          "soy wax, lead free, long lasting, eco friendly, easy to clean, living room, essential oils, cruelty free",
          "scent, size=sets", "9-55"),
    _ware("grocery", "protein bars", "Snacks & Sweets › Bars › Nutrition Bars", "Nut Snack Bars",
          "Crunchy, Plant-based, Keto, Chewy, Baked, Oat",
          "non gmo, low sugar, high protein, gluten free, soy free, low carb, dairy free, artificial flavors",
          "flavor name=flavors, size=weights", "10-60"),
    _ware("grocery", "ground coffee", "Beverages › Coffee › Ground", "Coffee Roast Bag",
          "Organic, Smooth, Bold, Single-origin, Small-batch, Decaf",
          "certified organic, usda organic, fair trade, non gmo, "
          "kosher certified, caffeine free, gluten free, rich creamy",
          "flavor name=flavors, size=weights", "9-70"),
    _ware("grocery", "tortilla chips", "Snacks & Sweets › Chips & Crisps › Tortilla", "Corn Tortilla Chips",
          "Baked, Kettle, Thin, Stone-ground, Multigrain, Crispy",
          "gluten free, non gmo, low fat, trans fat, grain free, plant based, soy free, simple ingredients",
          "flavor name=flavors, size=weights", "8-45"),
    _ware("grocery", "beef jerky", "Snacks & Sweets › Meat Snacks › Jerky", "Beef Jerky Meat",
          "Peppered, Smoked, Tender, Teriyaki, Grass-fed, Dried",
          "grass fed, high protein, low carb, keto friendly, nitrate free, sugar free, ready eat, old fashioned",
          "flavor name=flavors, size=weights", "12-80"),
    _ware("grocery", "herbal tea", "Beverages › Tea › Herbal", "Herbal Tea Leaf",
          "Loose, Calming, Organic, Whole, Fragrant, Blended",
          "caffeine free, certified organic, non gmo, sugar free, natural flavors, gluten free, plain, bpa free",
          "flavor name=flavors, size=weights", "6-40"),
)  # fmt: skip

BRANDS = (
    "Alderfen", "Bramhope", "Corvanne", "Dunmere", "Eskvale", "Farrowby", "Glenmarch", "Hollin & Pike", "Istrava",
    "Jorvane", "Kelmarsh", "Lundyke", "Merriden", "Norvelle", "Ostrava Lane", "Pellworth", "Quenby", "Rushmede",
    "Selkirk Mills", "Tamarly", "Umberleigh", "Vantreux", "Wexcombe", "Yarrowick", "Zellandra", "Arkwell", "Birchin",
    "Cloverly", "Dovrefell", "Elmstead", "Fosswick", "Garrowby", "Hexley", "Ivelchester", "Kirrane", "Lathbury",
    "Mossgrove", "Nettlecombe", "Orwyn", "Pinfold", "Quarrendon", "Ravensby", "Stanmoor", "Thornley", "Ulverby",
    "Vellacott", "Withern", "Yeldham",
)  # fmt: skip
ADJECTIVES = (
    "Classic", "Deluxe", "Everyday", "Essential", "Improved", "Newest", "Original", "Premium", "Pro", "Signature",
    "Upgraded", "Modern", "Compact", "Sturdy", "Fine", "Handmade", "Limited", "Reliable", "Simple", "Select",
)  # fmt: skip
SENTENCES = (
    "Dimensions are approximate.", "Made in small batches and checked by hand.", "Care: wipe with a damp cloth.",
    "Arrives in a plain box.", "Please see the pictures for how large it is.", "Works with most homes & tastes.",
    "Not sure? Send it back within thirty days.", "A gift wrap is available.",
)  # fmt: skip
OPINIONS = (
    ("As described", "It came quickly and looks like in the picture."),
    ("Would buy again", "I have had it for three months and nothing is wrong with it."),
    ("Not what I hoped for", "It is smaller than I thought, and the box was open."),
    ("Good value", "For this price there is nothing better."),
    ("A present", "My sister likes it very much."),
)
WISHES = (
    "i need {query} that is {attributes}", "find me {attributes} {query}", "i am looking for {query}, {attributes}",
    "please find {query} that is {attributes}", "i want {attributes} {query}",
)  # fmt: skip
PEOPLES_WISHES = (
    "my friend needs {attributes} {query}; {options}", "looking for {attributes} {query}, {options} please",
    "i'd like {query} which are {attributes} in {options}.", "can you get me {query}? {attributes}, and {options}",
)  # fmt: skip
