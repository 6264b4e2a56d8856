"""The words of the word games: small lists of common English words, written for them."""

from __future__ import annotations

_THREE = """
    ace act add age aid aim air ale all and ant any ape arc are arm art ash ask ate bad bag ban bar bat bay bed bee beg
    bet bid big bin bit bog bow box boy bud bug bun bus but buy cab can cap car cat cod cog cop cot cow cry cub cup cut
    dad dam day den dew did die dig dim dip dog dot dry dub due dug dye ear eat egg elf elk elm end eve eye fan far fat
    fed fee few fig fin fir fit fix fly fog for fox fun fur gap gas get gum gun gut guy had ham hat hay hem hen her hid
    him hip his hit hog hop hot how hub hug hum hut ice ink jam jar jaw jet job jog joy jug key kid kin kit lab lad lap
    law lay led leg let lid lip lit log lot low mad man map mat may men met mid mix mob mop mud mug nap net new nod nor
    not now nut oak oar oat odd oil old one our out owl own pad pan pat paw pay pea pen pet pie pig pin pit pod pot pub
    put rag ram ran rat raw ray red rib rid rim rip rob rod rot row rub rug run rye sad sat saw say sea see set sew she
    shy sin sip sir sit six sky sly sob son sow soy spy sum sun tag tan tap tar tax tea ten the tie tin tip toe ton too
    top toy try tub tug two use van vat vet wag war was wax way web wed wet who why wig win wit won wow yes yet you zip
"""
_FOUR = """
    able ache acid aged arch area army away axle baby back bake bald bale ball band bank bare bark barn base bath bead
    beak beam bean bear beat been beer bell belt bend bent best bill bind bird bite blow blue boat body bold bolt bond
    bone book boot bore born boss bowl bulb bulk bull bump burn bush busy cage cake calf call calm came camp cane card
    care cart case cash cast cave cell chin chip city clay club coal coat code coin cold colt comb come cook cool cord
    core cork corn cost crew crop crow cube cure curl damp dare dark dart date dawn days dead deal dear debt deck deep
    deer desk dial dice diet dirt dish dock does doll done door dose dove down drag draw drew drop drum duck dull dust
    duty each earn east easy edge else even ever face fact fade fail fair fall fame fare farm fast fate fear feed feel
    feet fell felt file fill film find fine fire firm fish five flag flat flow foal foam fold folk food fool foot ford
    fork form fort foul four free frog from fuel full fund gain game gate gave gear gift girl give glad goal goat gold
    golf gone good grow hair half hall hand hang hard hare harm hate have hawk head heal heap hear heat heel held help
    herd here hero hide high hill hint hire hold hole holy home hood hook hope horn host hour huge hunt hurt idea inch
    into iron item jail join joke jump just keep kept kick kill kind king kite knee knot lace lack lady laid lake lamb
    lamp land lane last late lawn lead leaf lean leap left lend less life lift like lime limp line link lion list live
    load loaf loan lock long look loop lord lose loss lost loud love luck lump lung made mail main make male mall many
    mare mark mask mass mast mate meal mean meat meet melt mend menu mild mile milk mill mind mine mint miss mist mode
    mole mood moon more most move much mule must name neat neck need nest news next nice nine none noon nose note oath
    obey only open oven over pace pack page paid pail pain pair pale palm park part pass past path peak pear pest pick
    pile pill pine pink pint pipe plan play plot plug poem poet pole pond pony pool poor pork port pose post pour pull
    pump pure push race rack rage raid rail rain rake rang rank rare rate read real rear rent rest rice rich ride ring
    ripe rise risk road roar robe rock role roll roof room root rope rose rule rush rust safe said sail sale salt same
    sand sang save seal seat seed seek seem seen self sell send sent shed ship shoe shop shot show shut side sign silk
    sing sink site size skin slip slow snow soap sock soft soil sold sole some song soon sore sort soul soup sour star
    stay stem step stop such suit sure swim tail take tale talk tall tame tank tape task team tear tell tent term test
    than that them then they thin this tide tile till time tiny tire toad told toll tone took tool torn tour town trap
    tray tree trip true tube tuna tune turn twin type ugly unit upon used vase vast veil vein very vest view vine vote
    wade wage wait wake walk wall want ward warm warn wash wave weak wear week well went were west what when whip wide
    wife wild will wind wine wing wire wise wish with wolf wood wool word wore work worm worn wrap yard yarn year your
    zone
"""
_FIVE = """
    about above actor adult after again agree alarm album alive alone along amber angel angle apple apron arena argue
    arrow asset avoid awake bacon badge baker basic beach begin below bench berry birth black blade blame blank blaze
    blend block bloom board bonus brain brake brand brave bread brick bride brief bring broad brown brush build cabin
    cable camel candy canoe carry catch cause cedar chain chair chalk charm chase cheap check cheek chess chest chief
    child choir clean clear clerk cliff climb clock cloth cloud coach coast cocoa comic coral couch cough count court
    cover crane crash cream creek crime crowd crown curve cycle daily dance depth diary dirty dozen draft drama dream
    dress drift drink drive eagle early earth eight elbow empty enemy enjoy enter equal error event exact fable faith
    false fancy fault feast fence fever field fifth fight final flame flash float flood floor flour focus force forty
    frame fresh front frost fruit ghost giant glass globe glove grade grain grand grape grass great green greet group
    guard guess guest guide habit happy harsh heart heavy hello hobby honey horse hotel house human humor hurry image
    inner jelly jewel joint judge juice knife knock label large laser later laugh layer learn lemon level light limit
    linen local logic lucky lunch magic major maple march match mayor medal melon mercy merry metal meter might model
    money month motor mount mouse mouth movie music nasty nerve never night noble noise north novel nurse ocean offer
    olive onion opera orbit order other owner paint panel paper party patch pause peace peach pearl phone photo piano
    piece pilot pizza place plain plane plant plate point porch pound power press price pride prize proof proud queen
    quick quiet quilt radio raise ranch range rapid ratio reach ready river robin robot rough round route royal rural
    salad sauce scale scarf scene score scout shade shake shape share sharp sheep sheet shelf shell shine shirt shock
    shore short sight skill sleep slice slope small smart smell smile smoke snake solid sound south space spare speak
    speed spell spice spoon sport staff stage stair stamp stand start steam steel stick still stone storm story stove
    straw study style sugar sunny sweet swift sword table taste teach thank theme thick think third throw thumb tiger
    tight title toast today tooth topic total touch tough towel tower track trade train treat trend trick truck trust
    truth twist uncle under union upper urban usual valid value video visit vital voice wagon waste watch water whale
    wheat wheel white whole width woman world worry worth wound write wrong yield young youth zebra
"""
_SIX = """
    almond anchor animal autumn bakery ballet banana barrel basket beaver bishop blouse border bottle breeze bridge
    bright bronze bubble bucket butter button camera candle carpet castle cattle cheese cherry circle clinic coffee
    copper cotton cousin dinner doctor dragon engine family farmer feather finger flower forest fridge friend frozen
    future garage garlic ginger guitar hammer hammock harbor helmet hunger hungry island jacket jungle kettle kitten
    ladder lawyer legend lizard magnet marble meadow memory mirror monkey muscle museum napkin nephew number office
    orange oxygen palace parrot pencil pepper pigeon pillow planet plenty pocket police potato purple rabbit ribbon
    rocket saddle safari salmon school shadow shower silver simple smooth spring square squash summer sunset supper
    symbol talent tennis thirty throat ticket tissue tomato travel trophy tunnel turkey turtle valley velvet violin
    volume walnut window winner winter wisdom wizard wonder yellow
"""
_SEVEN = """
    account alphabet average balloon bedroom blanket brother cabbage captain catalog chicken chimney climate compass
    cottage country courage culture curtain cushion dolphin drawing eclipse economy evening fiction fifteen fortune
    gallery giraffe grammar harvest history holiday husband journey justice ketchup kitchen lantern library lottery
    machine measure mistake monster morning musical mustard mystery natural network octopus orchard package penguin
    pepper picture plastic popcorn pottery problem pumpkin purpose quality rainbow science shampoo silence society
    soldier station student success teacher theater thought thunder tobacco tractor traffic trumpet uniform vampire
    village villain vitamin volcano weather wedding welcome whisper
"""
_EIGHT = """
    absolute aircraft airplane baseball birthday blizzard business calendar campaign carnival category children
    civilian computer daughter decision dinosaur discount distance document electric elephant envelope festival
    football fountain gasoline graduate hospital identity industry keyboard language laughter lemonade magazine
    majority marathon marriage mechanic medicine midnight mosquito mountain mushroom notebook opposite painting
    passport password platform plumbing princess question sandwich scissors seashell security shoulder skeleton
    software somebody sunlight surprise sympathy tomorrow umbrella universe vacation valuable vineyard volcanic
    woodland workshop yourself
"""


def _of(text: str, length: int) -> tuple[str, ...]:
    return tuple(sorted({word for word in text.split() if len(word) == length}))


WORDS = {length: _of(text, length) for length, text in enumerate((_THREE, _FOUR, _FIVE, _SIX, _SEVEN, _EIGHT), start=3)}
"""Words by length, in order."""
