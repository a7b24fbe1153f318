"""Support tickets of an invented firm, in English and Korean, unbalanced and with dirt; and pages of its handbook."""

import csv
import io
import random
from pathlib import Path

TEAMS = {"billing": 0.52, "delivery": 0.24, "login": 0.14, "returns": 0.07, "배송지": 0.03}
"""Share of each team."""
_SUBJECTS = {
    "billing": [
        "Invoice {n} is wrong",
        "Charged twice for order {n}",
        "청구서 {n}번이 이상합니다",
        "Refund of payment {n}",
    ],
    "delivery": [
        "Parcel {n} is late",
        "Where is order {n}?",
        "주문 {n} 배송이 늦어요",
        "Package {n} came damaged",
    ],
    "login": ["Cannot sign in", "Password reset fails", "로그인이 안 됩니다", "Account {n} is locked"],
    "returns": ["Sending back order {n}", "반품 신청 {n}", "Return label for {n}", "Exchange of item {n}"],
    "배송지": [
        "주소를 바꾸고 싶어요 {n}",
        "New address for order {n}",
        "배송지 변경 {n}",
        "Moved house, order {n}",
    ],
}
_BODIES = {
    "billing": [
        "The amount on my card is higher than on the invoice",
        "결제 금액이 두 번 빠져나갔습니다",
        "please send a corrected bill",
    ],
    "delivery": [
        "the courier says it was delivered, but nothing came",
        "택배가 일주일째 오지 않습니다",
        "tracking has not moved",
    ],
    "login": [
        "the code never arrives by mail",
        "비밀번호를 바꿔도 들어갈 수 없습니다",
        "it says the account does not exist",
    ],
    "returns": [
        "the size does not fit and I want my money back",
        "색이 달라서 돌려보내려고 합니다",
        "how do I print the label",
    ],
    "배송지": [
        "please use my new street and number",
        "이사해서 주소가 바뀌었습니다",
        "the old address is no longer mine",
    ],
}
_MORE = [
    "Thank you",
    "빠른 답변 부탁드립니다",
    "I have written twice already",
    "This is urgent",
    "감사합니다",
    "Kind regards, {name}",
]
_NAMES = ["Ada", "Boris", "민수", "영희", "Chen", "Dora"]


def rows(count: int = 3000, seed: int = 1) -> list[list[str]]:
    """`ticket_id`, `subject`, `body`, `team`; some bodies are empty, some rows stand twice."""
    draw = random.Random(seed)
    made = []
    for number in range(1, count + 1):
        if made and draw.random() < 0.02:
            made.append([f"T-{number:05d}", *draw.choice(made)[1:]])
            continue
        (team,) = draw.choices([*TEAMS], [*TEAMS.values()])
        about = (
            team if draw.random() < 0.85 else draw.choice([*TEAMS])
        )  # some are about what another team does
        told = draw.sample(_BODIES[about], draw.randint(1, 2)) + draw.sample(_MORE, draw.randint(0, 2))
        body = ", ".join(told).format(name=draw.choice(_NAMES)) + f" (order {draw.randint(1000, 99999)})."
        subject = draw.choice(_SUBJECTS[about if draw.random() < 0.5 else team]).format(
            n=draw.randint(100, 9999)
        )
        made.append([f"T-{number:05d}", subject, "" if draw.random() < 0.02 else body, team])
    return made


def write(
    path: Path, count: int = 3000, delimiter: str = ",", encoding: str = "utf-8", seed: int = 1
) -> Path:
    """The tickets as CSV, with a line that breaks off in every hundred."""
    text = io.StringIO()
    out = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    out.writerow(["ticket_id", "subject", "body", "team"])
    for number, row in enumerate(rows(count, seed), start=1):
        if number % 100 == 0:
            text.write(f"T-{number:05d}{delimiter}broken off\n")
        else:
            out.writerow(row)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def write_handbook(folder: Path, pages: int = 12, seed: int = 2) -> Path:
    """Pages of plain text on what tickets are about."""
    draw = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for page in range(1, pages + 1):
        lines = []
        for _ in range(120):
            team = draw.choice([*TEAMS])
            told = [
                draw.choice(_SUBJECTS[team]).format(n=draw.randint(1, 9999)),
                *draw.sample(_BODIES[team], 2),
            ]
            lines.append(f"{'. '.join(told)}. {draw.choice(_MORE).format(name=draw.choice(_NAMES))}.")
        (folder / f"page {page}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
