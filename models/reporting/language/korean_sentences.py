"""What a report says, in Korean by the English."""

PAGE = {
    "Headwater report": "Headwater 보고서",
    "{title}: what the transfer bought": "{title}: 트랜스퍼로 얻은 것",
    "Sections": "차례",
    "Results": "결과",
    "Gain": "얻은 것",
    "Pretraining": "프리트레인",
    "Data": "데이터",
    "What came out": "결과",
    "Each downstream with the most labels it was given, with 95 % intervals": (
        "다운스트림 태스크마다 레이블을 가장 많이 썼을 때의 점수와 95% 신뢰구간"
    ),
    "Downstream": "다운스트림 태스크",
    "Transfer": "트랜스퍼",
    "Scratch": "스크래치",
    "Baseline": "베이스라인",
    "In numbers": "숫자로 보기",
    "No downstream was scored.": "채점한 다운스트림 태스크가 없습니다.",
    "Transfer is a model pretrained on the corpus and carried over; scratch is the same model without "
    "pretraining, tuned with equal care; zero shot is the pretrained model before it has learnt any label; the "
    "baseline is the cheap classical method to try first. “Better” and “worse” are said only where the 95 % "
    "interval of the paired difference on the same test rows excludes 0. A dash stands for what was not run or "
    "does not apply.": (
        "트랜스퍼는 말뭉치로 프리트레인한 모델을 이어받아 학습한 것이고, 스크래치는 프리트레인 없이 똑같이 "
        "공들여 학습한 같은 모델입니다. 제로샷은 레이블을 하나도 배우지 않은 프리트레인 모델, 베이스라인은 가장 "
        "먼저 해 볼 만한 가벼운 고전 기법입니다. ‘나음’과 ‘못함’은 같은 테스트 데이터로 짝지어 잰 차이의 95% "
        "신뢰구간이 0을 벗어날 때만 씁니다. 줄표(–)는 돌리지 않았거나 해당하지 않는다는 뜻입니다."
    ),
    "{Downstream}, with a model pretrained as {upstream}. Scored on {rows} test rows, which no choice looked at.": (
        "{Downstream}. 프리트레인 모델: {upstream}. 테스트 데이터 {rows}건으로 채점했고, 무엇을 고를 때도 이 "
        "데이터는 보지 않았습니다."
    ),
    "{Downstream}. Scored on {rows} test rows, which no choice looked at.": (
        "{Downstream}. 테스트 데이터 {rows}건으로 채점했고, 무엇을 고를 때도 이 데이터는 보지 않았습니다."
    ),
    "{Metric} of {entry} over the number of labels, one line for each mode; the numbers are in the table below.": (
        "{entry}: 레이블 수에 따른 {Metric}. 방식마다 선이 하나이고, 숫자는 아래 표에 있습니다."
    ),
    "{Metric} on test rows over the number of labels; bars are 95 % intervals.": (
        "레이블 수에 따른 {Metric}(테스트 데이터). 세로 막대는 95% 신뢰구간입니다."
    ),
    "{Metric} on test rows, with 95 % intervals": "{Metric}: 테스트 데이터 점수와 95% 신뢰구간",
    "An interval of one point stands where all test rows have the same score: drawing them anew shows nothing "
    "else. It does not mean that the score is certain.": (
        "신뢰구간이 한 점인 것은 테스트 데이터의 점수가 모두 같아서 다시 뽑아도 그대로이기 때문입니다. "
        "점수가 확실하다는 뜻은 아닙니다."
    ),
    "Not applicable here: {modes}.": "해당하지 않는 방식: {modes}.",
    "{Mode}: {count} demonstrations did not fit before their questions, over all test rows.": (
        "{Mode}: 질문 앞에 다 들어가지 못해 뺀 예시가 테스트 데이터 전체에서 {count}개입니다."
    ),
    "What transfer bought": "트랜스퍼로 얻은 것",
    "Other metrics": "다른 지표",
    "Without leaked rows": "말뭉치에 든 데이터를 빼고",
    "Test rows whose text is in the corpus: {count}. The scores without them:": (
        "글이 말뭉치에도 있는 테스트 데이터: {count}건. 이들을 뺀 점수:"
    ),
    "{Metric} without the leaked test rows, with 95 % intervals": (
        "{Metric}: 말뭉치에 든 테스트 데이터를 뺀 점수와 95% 신뢰구간"
    ),
    "Not looked for: this recipe has no corpus, and what the model was pretrained on is not known.": (
        "찾지 않았습니다. 레시피에 말뭉치가 없어, 모델이 무엇으로 프리트레인되었는지 알 수 없습니다."
    ),
    "No test row has its text in the corpus.": "글이 말뭉치에 들어 있는 테스트 데이터는 없습니다.",
    "Without repeated rows": "겹치는 데이터를 빼고",
    "Test rows whose text is in the training or validation rows too: {count}. The scores without them:": (
        "같은 글이 학습 데이터나 검증 데이터에도 있는 테스트 데이터: {count}건. 이들을 뺀 점수:"
    ),
    "{Metric} without the repeated test rows, with 95 % intervals": (
        "{Metric}: 겹치는 테스트 데이터를 뺀 점수와 95% 신뢰구간"
    ),
    "What is taken for what": "무엇을 무엇으로 보았나",
    "Confusion matrix of {entry}; the numbers are in the table below.": (
        "{entry}: 혼동 행렬. 숫자는 아래 표에 있습니다."
    ),
    "The transferred model that is best on validation rows ({mode}, {labels} labels): gold classes in rows, "
    "predicted classes in columns.": (
        "검증 데이터에서 가장 좋은 트랜스퍼 모델({mode}, 레이블 {labels}개). 세로가 정답, 가로가 예측입니다."
    ),
    "Test rows by gold and predicted class": "정답과 예측에 따른 테스트 데이터 수",
    "The worst errors": "가장 크게 틀린 것",
    "{count} wrong predictions the model was surest of": "모델이 가장 확신하고도 틀린 예측 {count}건",
    "Wrong predictions of {mode}, {labels} labels": "틀린 예측({mode}, 레이블 {labels}개)",
    "Time and memory": "걸린 시간과 메모리",
    "What each part took, beside what was estimated before it ran; of what was there already, when it was made": (
        "부분마다 실제로 든 시간과 메모리, 그리고 돌리기 전의 예상. 이미 있던 것은 만들 당시의 값입니다"
    ),
    "Part": "부분",
    "Estimated": "예상",
    "Kept from earlier runs": "이전 실행에서 이어 쓴 것",
    "Somebody decided that what an earlier run had made counts here, though not all it was made from is as it "
    "was.": ("만들 때 쓴 것이 그때와 다 같지는 않지만, 이전 실행의 결과를 그대로 쓰기로 사람이 정했습니다."),
    "of run": "실행",
    "because": "까닭",
    "The same numbers for programs": "프로그램이 읽을 같은 숫자",
    "the figures": "그림",
}

TABLES = {
    "{low}–{high}": "{low}~{high}",
    "{low} to {high}": "{low}~{high}",
    "{verdict}": "{verdict}",
    "transfer {verdict}": "트랜스퍼: {verdict}",
    "better": "나음",
    "worse": "못함",
    "not shown to differ": "차이 불분명",
    "transfer: {mode}": "트랜스퍼: {mode}",
    "Labels": "레이블 수",
    "not above chance": "찍기 수준",
    "Difference in {metric}, paired on the same test rows, with 95 % intervals": (
        "{metric} 차이: 같은 테스트 데이터로 짝지어 잰 값과 95% 신뢰구간"
    ),
    "The same as a table": "표로 보기",
    "Gold ↓ predicted →": "정답 ↓ 예측 →",
    "Row": "데이터",
    "How each model was made": "모델마다 어떻게 만들었나",
    "Every adapted model: rows used, and what was chosen on validation rows": (
        "모델별로 쓴 데이터, 그리고 검증 데이터로 고른 설정"
    ),
    "Mode": "방식",
    "Seed": "시드",
    "Rows trained on": "학습한 데이터",
    "Validation rows": "검증 데이터",
    "Validation {metric}": "검증 {metric}",
    "Trainable parameters": "학습한 파라미터 수",
    "Chosen": "고른 설정",
    "Settings of the transfer": "트랜스퍼 설정",
    "Setting": "설정",
    "Value": "값",
    "What was read and what became of it": "읽은 데이터와 그 처리 결과",
    "Rows": "데이터",
    "Number": "건수",
    "read": "읽음",
    "quarantined": "격리",
    "removed": "제거",
    "kept": "남김",
    "masked": "가림",
    "Quarantined rows: examples": "격리한 데이터의 예",
    "Rows set aside, with the reason and where they came from": "따로 빼 둔 데이터와 그 까닭, 출처",
    "Reason": "까닭",
    "Field": "필드",
    "Content": "내용",
    "Test rows found in the corpus": "말뭉치에서 찾은 테스트 데이터",
    "Test rows found in the corpus: the first {count}, all are in leaks.csv": (
        "말뭉치에서 찾은 테스트 데이터: 처음 {count}건, 전체는 leaks.csv"
    ),
    "Test rows whose text is in the corpus": "글이 말뭉치에도 있는 테스트 데이터",
    "Test row": "테스트 데이터",
    "How": "겹친 모양",
    "Found in": "찾은 곳",
    "and {count} more": "그 밖에 {count}건",
    "Equal texts in two parts": "양쪽에 다 있는 글",
    "Parts": "데이터 구분",
    "Pairs": "쌍",
    "{text}… ({count} characters)": "{text}… (모두 {count}자)",
}

SAID = {
    "{At}, {reached}.": "{At} {reached}.",
    "{At}, {reached}: transfer is {compared}.": "{At} {reached}. 트랜스퍼는 {compared}.",
    "{who} reaches {value} {metric}": "{metric}: {who} {value}",
    "transfer": "트랜스퍼",
    "transfer ({mode})": "트랜스퍼({mode})",
    "the baseline": "베이스라인",
    "the same model untrained": "학습 전의 같은 모델",
    "with no labels": "레이블이 없을 때",
    "with 1 label": "레이블 1개일 때",
    "with {count} labels": "레이블 {count}개일 때",
    "with {sizes} labels": "레이블 {sizes}개일 때",
    "at every number of labels ({sizes})": "레이블 수({sizes}개)와 상관없이 늘",
    "better than {control}": "{control}보다 나음",
    "worse than {control}": "{control}보다 못함",
    "not shown to differ from {control}": "{control} 대비 차이 불분명",
    "{compared} (difference {value}, 95 % interval {interval})": "{compared}(차이 {value}, 95% 신뢰구간 {interval})",
    "{so_far} and {more}": "{so_far}, {more}",
    "{so_far} but {more}": "{so_far}, {more}",
    "{compared} {where}": "{where} {compared}",
    "Transfer is {parts}.": "트랜스퍼는 {parts}.",
}

FIGURES = {
    "labelled training rows (logarithmic)": "학습에 쓴 레이블 수(로그 눈금)",
    "training": "학습",
    "held-out": "평가용 글",
    "loss (nats a token)": "손실(토큰당 nat)",
    "tokens seen": "본 토큰 수",
    "median {count}": "중앙값 {count}",
    "characters in a text": "글 길이(글자 수)",
    "texts": "글 수",
    "predicted": "예측",
    "predicted (numbers: % of the gold class)": "예측(숫자: 정답 클래스 대비 %)",
    "gold": "정답",
    "Loss over the tokens seen, on training and on held-out text.": (
        "본 토큰 수에 따른 손실. 학습한 글과 평가용으로 떼어 둔 글에서 쟀습니다."
    ),
    "How it was pretrained": "어떻게 프리트레인했나",
    "Settings from the text to the model": "글에서 모델까지의 설정",
    "{percent} % of the letters of held-out text stand in words of more than 40 letters. Words are cut after 100 "
    "letters, wherever that is: text without spaces is read worse than it could be.": (
        "평가용 글의 글자 가운데 {percent}%가 40자 넘는 단어에 들어 있습니다. 단어는 100자에서 무조건 잘리므로, "
        "띄어 쓰지 않은 글은 제대로 읽히지 않습니다."
    ),
    "corpus": "말뭉치",
    "Histogram of text lengths: median {median} characters, 95 % have at most {most}, the longest has {longest}.": (
        "글 길이의 히스토그램. 중앙값 {median}자, 95%는 {most}자 이하, 가장 긴 글은 {longest}자입니다."
    ),
    "Text lengths: median {median} characters, 95 % have at most {most}, the longest has {longest}.": (
        "글 길이. 중앙값 {median}자, 95%는 {most}자 이하, 가장 긴 글은 {longest}자입니다."
    ),
}

GAIN = {
    "What the transfer bought, over numbers of labels": "레이블 수에 따라 트랜스퍼로 얻은 것",
    "Each model learns from, or is shown, labels that its seed draws, few of them a part of more, and all are "
    "scored on the same test rows. Differences are paired on rows and seeds. Choices are made on validation "
    "rows, of which there are as many as labels at most. With two or three seeds an interval is itself a rough "
    "guess.": (
        "모델마다 시드로 뽑은 레이블을 학습하거나 예시로 봅니다. 적은 레이블은 많은 레이블의 일부이고, 채점은 "
        "모두 같은 테스트 데이터로 합니다. 차이는 데이터와 시드를 짝지어 잽니다. 설정은 검증 데이터로 고르며, "
        "검증 데이터는 레이블 수를 넘지 않습니다. 시드가 두세 개뿐이면 신뢰구간도 어림값입니다."
    ),
    "with {upstream}": "프리트레인 모델: {upstream}",
    "Of settings only the first was tried: a quick look, in which a mode may do worse than it could.": (
        "설정은 첫 번째 것만 써 보았습니다. 빠르게 훑어본 것이라 제 실력보다 낮게 나온 방식이 있을 수 있습니다."
    ),
    "{count} test rows stand in the corpus; the table has the scores without them.": (
        "테스트 데이터 {count}건이 말뭉치에 들어 있습니다. 표에 이들을 뺀 점수도 있습니다."
    ),
    "{Metric} on the same {rows} test rows; bars are 95 % intervals over seeds, draws and rows.": (
        "{Metric}: 같은 테스트 데이터 {rows}건. 세로 막대는 시드와 예시, 데이터에 걸친 95% 신뢰구간입니다."
    ),
    "Every mode on the same test rows": "모든 방식을 같은 테스트 데이터로 견준 표",
    "Seeds": "시드 수",
    "Minus scratch": "스크래치와의 차이",
    "Minus baseline": "베이스라인과의 차이",
    "Seconds": "걸린 시간(초)",
    "Memory, MB": "메모리(MB)",
    "{count} demonstrations did not fit": "예시 {count}개가 들어가지 못함",
    "not applicable": "해당 없음",
    "Labels saved": "아낀 레이블",
    "Labels that scratch needs for the score each mode has, over the labels the mode was given; the numbers are "
    "in the table below.": (
        "방식마다 쓴 레이블 수, 그리고 스크래치가 같은 점수를 내는 데 필요한 레이블 수. 숫자는 아래 표에 "
        "있습니다."
    ),
    "Above the dotted line labels are saved; an arrow stands where scratch never gets there.": (
        "점선보다 위면 레이블을 아낀 것입니다. 화살표는 스크래치가 끝내 따라잡지 못한 곳입니다."
    ),
    "Labels that scratch needs for the same score, with 95 % intervals": (
        "스크래치가 같은 점수를 내는 데 필요한 레이블 수와 95% 신뢰구간"
    ),
    "Its labels": "쓴 레이블 수",
    "Scratch needs": "스크래치에 필요한 레이블 수",
    "Steps saved": "아낀 학습 스텝",
    "Score on validation rows over training steps, transfer beside scratch.": (
        "학습 스텝에 따른 검증 데이터 점수. 트랜스퍼와 스크래치를 나란히 그렸습니다."
    ),
    "On validation rows while training; mean over seeds, darker with more labels.": (
        "학습하는 동안 잰 검증 데이터 점수. 시드 평균이고, 레이블이 많을수록 진합니다."
    ),
    "Training steps until a mode is where scratch is at its best on validation rows, as far as the evaluations "
    "between tell; means over the seeds that get there": (
        "검증 데이터에서 스크래치의 최고 점수에 닿기까지 걸린 학습 스텝. 평가한 시점까지만 알 수 있고, 거기에 "
        "닿은 시드의 평균입니다"
    ),
    "This mode": "이 방식",
    "Seeds that get there": "거기에 닿은 시드",
    "{reached} of {seeds}": "{seeds}개 중 {reached}개",
    "always the commonest class": "늘 가장 흔한 클래스",
    "no gain": "얻은 것 없음",
    "labels with transfer (logarithmic)": "트랜스퍼가 쓴 레이블 수(로그 눈금)",
    "labels that scratch needs": "스크래치에 필요한 레이블 수",
    "training steps": "학습 스텝",
    "{metric} (validation)": "{metric}(검증)",
    "{At}, transfer ({way}) reaches {value} {metric}.": "{At} {metric}: 트랜스퍼({way}) {value}.",
    "{At}, transfer is {compared} ({reached}).": "{At} 트랜스퍼는 {compared}({reached}).",
    "{way} reaches {value} {metric}, scratch {scratch}, difference {difference}, 95 % interval {interval}": (
        "{metric}: {way} {value}, 스크래치 {scratch}, 차이 {difference}, 95% 신뢰구간 {interval}"
    ),
    "1 label with transfer is worth {needed} without (95 % interval {interval}): {reached}.": (
        "트랜스퍼의 레이블 1개에 맞먹는 스크래치 레이블: {needed}(95% 신뢰구간 {interval}). {reached}."
    ),
    "{count} labels with transfer are worth {needed} without (95 % interval {interval}): {reached}.": (
        "트랜스퍼의 레이블 {count}개에 맞먹는 스크래치 레이블: {needed}(95% 신뢰구간 {interval}). {reached}."
    ),
    "Transfer ({way}) is {parts}.": "트랜스퍼({way})는 {parts}.",
    "about {count}": "약 {count}개",
    "more than {count}": "{count}개 초과",
    "at most {count}": "{count}개 이하",
    "{Mode} {at} reaches {value} {metric} (95 % interval {interval}): better than always saying the commonest "
    "class, {chance}.": (
        "{Mode}({at}) {metric} {value}(95% 신뢰구간 {interval}): 늘 가장 흔한 클래스로 답할 때의 {chance}보다 "
        "나음."
    ),
    "{Mode} {at} reaches {value} {metric} (95 % interval {interval}): not shown to be better than always saying "
    "the commonest class, {chance}.": (
        "{Mode}({at}) {metric} {value}(95% 신뢰구간 {interval}): 늘 가장 흔한 클래스로 답할 때의 {chance}보다 "
        "낫다고 할 수 없음."
    ),
    "{Mode} {at} reaches {value} {metric} (95 % interval {interval}): better than always saying the commonest "
    "class, {chance}; scratch needs {needed} labels for that.": (
        "{Mode}({at}) {metric} {value}(95% 신뢰구간 {interval}): 늘 가장 흔한 클래스로 답할 때의 {chance}보다 "
        "나음. 스크래치로 이만큼 하려면 필요한 레이블: {needed}."
    ),
}

SCORES = {
    "Scores are means over the seeds {seeds}; intervals are over seeds and test rows, differences are paired on "
    "both. What cannot be averaged, such as wrong predictions, is that of the first seed.": (
        "점수는 시드({seeds})의 평균입니다. 신뢰구간은 시드와 테스트 데이터에 걸친 것이고, 차이는 둘 다 짝지어 "
        "잽니다. 틀린 예측처럼 평균 낼 수 없는 것은 첫 시드의 것입니다."
    ),
    "All {rows} test rows were read whole.": "테스트 데이터 {rows}건을 모두 끝까지 읽었습니다.",
    "{long} of {rows} test rows ({share}) were too long and were cut: {lost} of all tokens were not read.": (
        "테스트 데이터 {rows}건 중 {long}건({share})이 너무 길어 잘렸습니다. 전체 토큰의 {lost}를 읽지 "
        "못했습니다."
    ),
    "{long} of {rows} test rows ({share}) were read in several windows, {windows} at most; {lost} of all tokens "
    "were not read.": (
        "테스트 데이터 {rows}건 중 {long}건({share})을 창 여러 개로 나누어 읽었고, 많게는 {windows}개입니다. "
        "전체 토큰의 {lost}를 읽지 못했습니다."
    ),
    "{long} of {rows} test rows ({share}) were read in several windows, {windows} at most.": (
        "테스트 데이터 {rows}건 중 {long}건({share})을 창 여러 개로 나누어 읽었고, 많게는 {windows}개입니다."
    ),
    "less than 0.1 %": "0.1% 미만",
    "{percent} %": "{percent}%",
    "Label by label": "레이블별 점수",
    "Test rows, F1, precision and recall of each label, with 95 % intervals ({mode}, {labels} labels)": (
        "레이블별 테스트 데이터 수와 F1, 정밀도, 재현율, 95% 신뢰구간({mode}, 레이블 {labels}개)"
    ),
    "{count} labels, those with most test rows first": "레이블 {count}가지, 테스트 데이터가 많은 것부터",
    "As often right as it says?": "확신하는 만큼 맞히나",
    "Share of right predictions of {entry} over their confidence, before and after calibration.": (
        "{entry}: 확신도에 따른 정답 비율, 보정 전과 후."
    ),
    "Share of right predictions over their confidence ({mode}, {labels} labels). Below the dotted line a model "
    "is surer than it should be.": (
        "확신도에 따른 정답 비율({mode}, 레이블 {labels}개). 점선 아래는 맞히는 것보다 더 확신한다는 뜻입니다."
    ),
    "Expected calibration error on test rows, with 95 % intervals; the temperature was fitted on validation rows "
    "and changes no prediction": (
        "테스트 데이터에서 잰 기대 보정 오차(ECE)와 95% 신뢰구간. 온도는 검증 데이터로 맞췄고, 예측은 바뀌지 "
        "않습니다"
    ),
    "Label": "레이블",
    "Test rows": "테스트 데이터",
    "F1": "F1",
    "Precision": "정밀도",
    "Recall": "재현율",
    "Uncalibrated": "보정 전",
    "Calibrated": "보정 후",
    "Temperature": "온도",
    "Best step": "가장 좋았던 스텝",
    "{count} trials of {mode} {at}, seed {seed}": "{mode}({at}, 시드 {seed}): {count}가지 시도",
    "Settings in the order in which they were tried, chosen on validation rows": (
        "시도한 순서대로 적은 설정. 검증 데이터로 고릅니다"
    ),
    "diverged": "발산",
    "Labels by part": "데이터 구분별 레이블 수",
    "{count} labels by part": "데이터 구분별 레이블 {count}가지",
    "as often right as it says": "확신하는 만큼 맞힘",
    "uncalibrated": "보정 전",
    "calibrated": "보정 후",
    "confidence": "확신도",
    "share right": "정답 비율",
}

SENTENCES = PAGE | TABLES | SAID | FIGURES | GAIN | SCORES
