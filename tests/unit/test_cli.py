"""The command line: quick help, and known errors as one sentence with exit code 1."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import pytest
import typer
from small_champion import SmallChampion
from tiny_project import TINY_ASSET_TYPE, tiny_histories

from smart_sentry.assets import AssetType
from smart_sentry.cli import app, main
from smart_sentry.datasets.interim import save_interim
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.prognosis.bootstrap import BootstrapPolicy
from smart_sentry.prognosis.evaluation import evaluate
from smart_sentry.prognosis.event_metrics import AlarmPolicy
from smart_sentry.prognosis.scored_fleet import ScoredFleet

PROJECT = Path(__file__).parents[2]
PROGRAM = str(Path(sys.executable).with_name("smart-sentry"))
HEAVY = ("mlflow", "pandas", "numpy", "prefect", "sklearn", "optuna", "bentoml", "pydantic", "yaml")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder with the project's params.yaml; what commands set in the environment is taken back."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("SMART_SENTRY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SMART_SENTRY_HOME", str(tmp_path))
    shutil.copyfile(PROJECT / "params.yaml", tmp_path / "params.yaml")
    shutil.copytree(PROJECT / "configs", tmp_path / "configs")
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Runs a command in this process; its exit code."""
    monkeypatch.setattr(sys, "argv", ["smart-sentry", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def commands() -> list[tuple[str, ...]]:
    """All commands, those of groups too."""
    found: list[tuple[str, ...]] = [()]
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        found += [(name,), *((name, inner) for inner in getattr(command, "commands", {}))]
    return found


def test_commands_are_those_that_the_documentation_names() -> None:
    names = {" ".join(parts) for parts in commands()}
    assert names == {
        "", "data", "data get", "data list", "data show", "stage", "train", "evaluate", "predict", "serve", "ui", "demo",
        "phases", "phases study", "asset", "asset check", "asset new", "calibrate", "score", "simulate", "monitor", "demo-motor",
        "demo-plant", "demo-stream",
        "services", "services start", "services stop", "services status", "stream", "stream replay", "stream dead-letters",
        "stream work", "stream throughput", "live", "dashboard", "report", "drift",
        "recalibrate", "recalibrations", "recalibrations list", "recalibrations approve", "recalibrations reject",
        "baselines", "baselines list", "baselines diff", "baselines rollback",
        "demo-drift", "schedule", "models", "models list", "models promote", "models rollback",
    }  # fmt: skip


@pytest.mark.parametrize("command", commands(), ids=lambda parts: " ".join(parts) or "smart-sentry")
def test_help_of_every_command_says_what_it_does(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *command, "--help") == 0
    usage, said = capsys.readouterr().out.split("\n\n", maxsplit=1)
    assert " ".join(["smart-sentry", *command]) in usage
    assert len(said.split("\n\n")[0].split()) >= 2


def test_help_takes_less_than_seven_tenths_of_a_second() -> None:
    taken = []
    for _ in range(5):
        process = subprocess.Popen([PROGRAM, "--help"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, code, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(code)
        assert process.returncode == 0
        taken.append(used.ru_utime + used.ru_stime)  # of the processor: other tests may run at the same time
    assert median(taken) < 0.7


def test_help_imports_no_library_that_it_does_not_need() -> None:
    code = "\n".join([
        "import sys",
        "from smart_sentry.cli import main",
        "sys.argv = ['smart-sentry', '--help']",
        "try:",
        "    main()",
        "finally:",
        "    print(*sys.modules, file=sys.stderr)",
    ])  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "smart_sentry.cli" in done.stderr.split()
    assert not set(HEAVY) & set(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("stage", "tunes"), "'tunes' is not a stage. Name one of get, validate, features, tune, train"),
        (("evaluate",), "no data set is named. Name one, or ask for --all."),
        (("evaluate", "FD001"), "no model at {home}/data/processed/FD001/evaluation.json. Train and evaluate one"),
        (
            ("predict", "FD001", "--data", "x.csv", "--out", "y.csv"),
            "no model at {home}/models/FD001/bundle. Train one",
        ),
        (("data", "get", "lathe"), "'lathe' is not known (known: FD001, FD002, FD003, FD004, motor_fleet"),
        (("data", "show", "motor_fleet"), "motor_fleet is not available"),
        (("stage", "features", "--dataset", "FD001"), "FD001 is not available; tried {home}/data/interim/FD001"),
        (
            ("asset", "check", "{home}/configs/assets/lathe.yaml"),
            "no such asset type (known here: motor, motor_bench, motor_fast, motor_fleet, turbofan",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_known_error_is_one_sentence_and_exit_code_one(
    arguments: tuple[str, ...],
    said: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, *(argument.format(home=home) for argument in arguments)) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("smart-sentry: ")
    assert said.format(home=home) in output.err
    assert "Traceback" not in output.err
    assert output.err.count("\n") == 1


def test_wrong_parameter_is_named_by_its_key(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "params.yaml").write_text("datasets: [FD001]\ntune: {trails: 3}")
    assert run(monkeypatch, "evaluate", "FD001") == 1
    assert "tune.trails: Extra inputs are not permitted" in capsys.readouterr().err


def test_wrong_setting_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMART_SENTRY_PORT", "many")
    assert run(monkeypatch, "data", "list") == 1
    assert "SMART_SENTRY_PORT: Input should be a valid integer" in capsys.readouterr().err


def test_unknown_command_is_a_mistake_of_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "trian") == 2
    assert "trian" in capsys.readouterr().err


def test_data_list_names_the_data_sets_and_those_of_the_user(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "configs" / "assets" / "tiny.yaml").write_text(json.dumps(TINY_ASSET_TYPE))
    (home / "data" / "raw" / "tiny").mkdir(parents=True)
    tiny_histories().to_csv(home / "data" / "raw" / "tiny" / "train.csv", index=False)
    assert run(monkeypatch, "data", "list") == 0
    assert capsys.readouterr().out.split() == ["FD001", "FD002", "FD003", "FD004", "motor_fleet", "tiny"]


def test_asset_check_of_a_good_file_sums_it_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "asset", "check", str(PROJECT / "configs" / "assets" / "turbofan.yaml")) == 0
    assert capsys.readouterr().out == "turbofan: 24 signals, failure horizon 30 cycles\n"
    assert run(monkeypatch, "asset", "check", str(PROJECT / "configs" / "assets" / "motor.yaml")) == 0
    assert capsys.readouterr().out == "motor: 4 signals, failure horizon 30 cycles, 6 derived features\n"


def test_asset_check_names_a_mistake_in_a_derived_feature(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    motor = home / "configs" / "assets" / "motor.yaml"
    motor.write_text(motor.read_text().replace(", offset: 0.01", ""))
    assert run(monkeypatch, "asset", "check", str(motor)) != 0
    said = capsys.readouterr().err
    assert "power_vibration_ratio divides by power_factor + 0, which can be zero within the limits [0, 1]" in said


def test_calibrate_shows_what_was_learnt_of_derived_features(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.random.default_rng(1).normal([230, 15, 0.92, 0.15], [2, 1, 0.02, 0.02], (200, 4))
    table = pd.DataFrame(values, columns=["voltage_v", "current_a", "power_factor", "vibration_g"])
    table.insert(0, "timestamp", np.arange(200.0))
    table.to_csv(home / "healthy.csv", index=False)
    arguments = ("--type", "motor", "--data", str(home / "healthy.csv"), "--no-track")
    assert run(monkeypatch, "calibrate", *arguments) == 0
    said = capsys.readouterr().out
    assert re.search(r"  derived features: voltage_rolling_mean_1h (229\.\d|230(\.\d)?) \(std 0\.\d+\), ", said)
    for name in ("current_spike_count", "power_factor_efficiency_score", "voltage_stability", "power_vibration_ratio"):
        assert f"{name} " in said


def test_stream_commands_work_on_the_topic_of_the_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from smart_sentry.stream import command

    monkeypatch.setenv("SMART_SENTRY_KAFKA_TOPIC", "plant")
    monkeypatch.setattr(command, "run_replay", lambda asked, _: f"{asked.topic} {asked.dead_letters_topic}")
    monkeypatch.setattr(command, "list_dead_letters", lambda _, bootstrap, topic, everything, limit: topic)
    monkeypatch.setattr(command, "replay_dead_letters", lambda _, bootstrap, topic, into, limit: f"{topic} {into}")
    said = []
    for words in (("replay", "simulator"), ("replay", "simulator", "--topic", "other"), ("dead-letters",),
                  ("dead-letters", "--replay")):  # fmt: skip
        assert run(monkeypatch, "stream", *words) == 0
        said.append(capsys.readouterr().out.strip())
    assert said == [
        "plant plant-dead-letters",
        "other other-dead-letters",
        "plant-dead-letters",
        "plant-dead-letters plant",
    ]


def test_predict_scores_a_file(
    small_champion: SmallChampion, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(small_champion.bundle.folder, home / "models" / "FD001" / "bundle")
    small_champion.data.test.head(40).to_csv(home / "in.csv", index=False)
    assert run(monkeypatch, "predict", "FD001", "--data", str(home / "in.csv"), "--out", str(home / "out.csv")) == 0
    assert capsys.readouterr().out == f"40 rows scored: {home / 'out.csv'}\n"
    assert len(pd.read_csv(home / "out.csv")) == 40


def save_data(home: Path, name: str, truth: bool) -> None:
    """A normalised data set of this name, with or without the truth of its test set."""
    histories = tiny_histories()
    test = histories[histories["asset_id"] > 17]
    data = RunToFailure(
        name, AssetType.model_validate(TINY_ASSET_TYPE), histories[histories["asset_id"] <= 17], test, None,
        str(home / "data" / "raw" / "cmapss" / f"RUL_{name}.txt"),
    )  # fmt: skip
    final = pd.Series({18: 0, 19: 0, 20: 0}) if truth else None
    save_interim(home / "data" / "interim" / name, replace(data, test_final_rul_cycles=final))


def save_evaluation(home: Path, name: str, scored: bool = True) -> None:
    """What the stages tune and evaluate leave."""
    cycle = np.tile(np.arange(1, 61), 2)
    rul_cycles = 60.0 - cycle
    fleet = ScoredFleet.of(
        np.repeat([1, 2], 60),
        cycle,
        rul_cycles,
        (rul_cycles <= 30) * 0.8 + 0.1,
        rul=(rul_cycles, rul_cycles, rul_cycles),
    )
    policy = AlarmPolicy(needed=2, window=3, horizon_cycles=30, alert_cycles=20)
    report = evaluate(
        fleet,
        0.5,
        dataset=name,
        split="test",
        policy=policy,
        rul_cap_cycles=125,
        bootstrap=BootstrapPolicy(replicates=10),
    ).model_dump(mode="json")
    folder = home / "data" / "processed" / name
    folder.mkdir(parents=True)
    unscored = {"unscored": f"{name} can be predicted but not scored: RUL_{name}.txt is missing."}
    content = {"champion": report, "seed_method": report} if scored else unscored
    (folder / "evaluation.json").write_text(json.dumps(content))
    (folder / "choice.json").write_text(json.dumps({"cross_validation": report}))


def test_evaluate_prints_the_champion_beside_the_seeds_method(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_evaluation(home, "FD001")
    assert run(monkeypatch, "evaluate", "FD001") == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.split("│")[1:2]]
    cells = {parts[0]: parts[1:] for parts in ([cell.strip() for cell in line.strip("│").split("│")] for line in lines)}
    assert cells["F1"] == ["1.000 [1.000, 1.000]"] * 2


def test_evaluate_of_a_set_without_truth_ends_with_the_file_that_is_missing(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_data(home, "FD004", truth=False)
    save_evaluation(home, "FD004", scored=False)
    assert run(monkeypatch, "evaluate", "FD004") == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "FD004 can be predicted but not scored" in output.err
    assert "RUL_FD004.txt is missing" in output.err


def test_evaluate_after_the_truth_has_come_says_to_evaluate_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_data(home, "FD004", truth=True)
    save_evaluation(home, "FD004", scored=False)
    assert run(monkeypatch, "evaluate", "FD004") == 1
    assert "run `smart-sentry stage evaluate --dataset FD004`" in capsys.readouterr().err


def test_evaluate_all_prints_one_table_and_ends_with_what_could_not_be_scored(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("FD001", "FD002", "FD003"):
        save_evaluation(home, name)
    save_evaluation(home, "FD004", scored=False)
    assert run(monkeypatch, "evaluate", "--all") == 1
    output = capsys.readouterr()
    for word in ("FD001", "FD002", "FD003", "FD004", "test F1", "truth missing", "NASA score"):
        assert word in output.out
    assert output.err.count("\n") == 1
    assert "RUL_FD004.txt is missing" in output.err
