"""A report in Korean: its names and numbers. Names stand where no particle has to follow their last sound."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from models.reporting.language.korean_sentences import SENTENCES
from models.reporting.language.language import Code, Language

if TYPE_CHECKING:
    from matplotlib import ticker

MODES = {
    "finetune": "파인튜닝",
    "lora": "LoRA",
    "linear_probe": "선형 프로브",
    "prompt_tuning": "프롬프트 튜닝",
    "contrastive": "대조 학습",
    "hybrid": "하이브리드 검색",
    "zero_shot": "제로샷",
    "one_shot": "원샷",
    "few_shot": "퓨샷",
    "scratch": "스크래치",
    "baseline": "베이스라인",
}
DOWNSTREAMS = {
    "classification": "문서 분류",
    "pair": "문장 쌍 분류",
    "ner": "개체명 인식",
    "qa": "질의응답",
    "retrieval": "문서 검색",
    "generation": "문장 생성",
    "spacing": "띄어쓰기",
}
METRICS = {
    "accuracy": "정확도",
    "macro_f1": "매크로 F1",
    "micro_f1": "마이크로 F1",
    "subset_accuracy": "레이블 전체 일치",
    "mae": "평균 절대 오차",
    "rmse": "평균 제곱근 오차",
    "pearson": "피어슨 상관계수",
    "spearman": "스피어만 상관계수",
    "entity_f1": "개체 F1",
    "space_f1": "띄어쓰기 F1",
    "exact_match": "완전 일치",
    "char_f1": "글자 F1",
    "word_f1": "단어 F1",
    "has_answer": "답 있음",
    "no_answer": "답 없음",
    "mrr": "MRR",
    "ndcg": "nDCG",
    "recall": "재현율",
    "perplexity": "퍼플렉시티",
    "bits_per_byte": "바이트당 비트",
    "chrf": "chrF",
    "bleu": "BLEU",
    "distinct_1": "distinct-1",
    "distinct_2": "distinct-2",
}
DATA = {
    "train": "학습",
    "validation": "검증",
    "test": "테스트",
    "train and test": "학습·테스트",
    "train and validation": "학습·검증",
    "test and validation": "테스트·검증",
    "validation and test": "검증·테스트",
    "phone": "전화번호",
    "email": "이메일",
    "resident_number": "주민등록번호",
    "equal": "글 전체가 같음",
    "contained": "글이 그대로 들어 있음",
    "partial": "열세 단어 이상 이어서 같음",
}
COLUMNS = {
    "id": "번호",
    "text": "글",
    "text_a": "글 A",
    "text_b": "글 B",
    "label": "레이블",
    "gold": "정답",
    "prediction": "예측",
    "predicted": "예측",
    "confidence": "확신도",
    "probability": "확률",
    "score": "점수",
    "wrong": "틀린 개수",
    "question": "질문",
    "around": "정답 앞뒤",
    "query": "질의",
    "prompt": "프롬프트",
    "target": "정답",
}
REASONS = {
    "exact_duplicate": "똑같은 글",
    "near_duplicate": "거의 같은 글",
    "duplicate_of_test": "테스트 데이터와 같은 글",
    "leak": "테스트 데이터가 든 글",
    "empty": "비어 있음",
    "missing": "값이 없음",
    "not unique": "번호가 겹침",
    "not in the set": "정해진 값이 아님",
    "not finite": "유한한 수가 아님",
    "not JSON": "JSON이 아님",
    "not a JSON object": "JSON 객체가 아님",
    "named twice": "이름이 두 번 나옴",
    "not valid Unicode": "올바른 유니코드가 아님",
    "not UTF-8": "UTF-8이 아님",
    "not a list": "목록이 아님",
    "not an object": "객체가 아님",
    "not a text": "글이 아님",
    "not a number": "숫자가 아님",
    "not a whole number": "정수가 아님",
    "neither true nor false": "참도 거짓도 아님",
    "too large": "너무 큼",
    "text is empty": "글이 비어 있음",
    "not in the context at its start": "지문의 그 자리에 없음",
    "no answer, for which there is 'unanswerable: true'": "답이 없음(unanswerable: true면 받음)",
}


class Korean(Language):
    """As an engineer in Korea writes it: short, numbers with their counters, terms as the field's books have them."""

    code: ClassVar[Code] = "ko"
    sentences: ClassVar[Mapping[str, str]] = SENTENCES
    names: ClassVar[Mapping[str, str]] = MODES | DOWNSTREAMS | METRICS | DATA | COLUMNS

    def spoken(self, name: str) -> str:
        """The Korean name, part by part (`exact_match/no_answer`, `recall_at_10`); one that has none stays."""
        return "/".join(map(self._spoken, name.split("/")))

    def _spoken(self, name: str) -> str:
        ranked = re.fullmatch(r"(\w+)_at_(\d+)", name)
        if ranked and ranked[1] in self.names:
            return f"{self.names[ranked[1]]}@{ranked[2]}"
        return self.names.get(name, name)

    def reason(self, name: str) -> str:
        """`label: not in the set`: the field stays, the reason is told."""
        if name in REASONS:
            return REASONS[name]
        field, colon, reason = name.partition(": ")
        return f"{field}: {REASONS.get(reason, reason)}" if colon else name

    def capital(self, text: str) -> str:
        return text

    def listed(self, parts: Sequence[str]) -> str:
        return ", ".join(parts)

    def ticks(self) -> "ticker.Formatter":
        from matplotlib import ticker

        return ticker.FuncFormatter(lambda value, _: in_ten_thousands(value))


def in_ten_thousands(value: float) -> str:
    """A large number as Koreans count: `4,000만`, `1.2억`."""
    for unit, size in (("조", 1e12), ("억", 1e8), ("만", 1e4)):
        if abs(value) >= size:
            return f"{value / size:,.4g}{unit}" if value / size < 1000 else f"{value / size:,.0f}{unit}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
