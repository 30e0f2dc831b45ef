//! `temperance-lab sac` as a user runs it: the real binary.

mod common;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{bad, command, good};

fn sac(arguments: &[&str]) -> Command {
    command(&[&["sac"], arguments].concat())
}

fn train(folder: &Path, arguments: &[&str]) -> Output {
    sac(&[&["train", "--output", folder.to_str().unwrap()], arguments].concat()).output().unwrap()
}

/// Small networks and short runs.
const SMALL: [&str; 10] = [
    "--steps",
    "600",
    "--set",
    "hidden=[16,16]",
    "--set",
    "batch_size=16",
    "--set",
    "learning_starts=50",
    "--episodes",
    "3",
];

#[test]
fn a_run_leaves_curves_a_page_and_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let text = good(train(&run, &[&SMALL[..], &["--seeds", "2", "-p", "gravity=5"]].concat()));
    assert!(text.contains("Pendulum-v1 after 600 steps: mean return"), "{text}");
    let named = run.to_str().unwrap();
    assert!(text.lines().all(|line| line.contains(named) || line.chars().count() <= 80), "{text}");
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("Returns while policies learn"));
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(run.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["runs"].as_array().unwrap().len(), 2);
    assert_eq!(summary["runs"][1]["returns"].as_array().unwrap().len(), 3);
    let mean = summary["mean_return"]["mean"].as_f64().unwrap();
    assert!((-2500.0..0.0).contains(&mean), "{mean}");
    for seed in ["seed-0", "seed-1"] {
        let text = std::fs::read_to_string(run.join(seed).join("metrics.csv")).unwrap();
        assert_eq!(text.lines().count(), 1 + 20);
        assert!(text.starts_with("step,episodes,seconds,train_return,evaluation_return,entropy,"), "{text}");
    }
    for figure in ["sac-returns.svg", "sac-entropy.svg"] {
        assert!(
            std::fs::read_to_string(run.join(figure)).unwrap().contains("<polygon"),
            "bands over the seeds"
        );
    }

    let run = run.to_str().unwrap();
    let text = good(sac(&["evaluate", run, "--episodes", "2", "--stochastic"]).output().unwrap());
    assert!(text.contains("2 episodes of each of 2 seeds, actions drawn from the policy"), "{text}");
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&good(
            sac(&[&["evaluate", run, "--json"], arguments].concat()).output().unwrap(),
        ))
        .unwrap()
    };
    assert_eq!(json(&["--episodes", "2"]), json(&["--episodes", "2", "-p", "gravity=5"]));
    assert_ne!(json(&["--episodes", "2"])["means"], json(&["--episodes", "2", "-p", "gravity=9"])["means"]);
    let page = folder.path().join("both.html");
    good(sac(&["plot", run, run, "--output", page.to_str().unwrap()]).output().unwrap());
    assert!(std::fs::read_to_string(page).unwrap().contains("Pendulum-v1: 2 runs beside each other"));
}

#[test]
fn the_recorded_tasks_are_files_of_settings_that_train() {
    let tasks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bench/sac");
    let mut count = 0;
    for task in std::fs::read_dir(tasks).unwrap().map(|entry| entry.unwrap().path()) {
        let folder = tempfile::tempdir().unwrap();
        let short = ["--steps", "40", "--seeds", "1", "--episodes", "1", "--set", "learning_starts=20"];
        let arguments = [&["--config", task.to_str().unwrap()], &short[..]].concat();
        good(train(folder.path(), &arguments));
        count += 1;
    }
    assert_eq!(count, 5);
}

#[test]
fn a_run_that_is_killed_and_resumed_is_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let flags = [
        &SMALL[2..8],
        &["--environment", "CartPole-v1", "--steps", "6000", "--every", "100", "--episodes", "5"],
    ]
    .concat();
    good(train(&whole, &flags));
    let arguments = [&["train", "--output", killed.to_str().unwrap()], &flags[..]].concat();
    let mut child = sac(&arguments).stdout(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    let metrics = killed.join("seed-0/metrics.csv");
    while std::fs::read_to_string(&metrics).map_or(0, |text| text.lines().count()) < 4 {
        assert!(start.elapsed() < Duration::from_secs(120), "no checkpoint came");
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!killed.join("seed-0/result.json").exists(), "it was killed before the end");
    good(train(&killed, &["--resume"]));
    let bytes = |run: &Path| std::fs::read(run.join("seed-0/checkpoint.safetensors")).unwrap();
    assert!(bytes(&whole) == bytes(&killed), "the checkpoints differ");
    let rows = |run: &Path| -> Vec<String> {
        let text = std::fs::read_to_string(run.join("seed-0/metrics.csv")).unwrap();
        // All but the seconds.
        let cells = |line: &str| {
            line.split(',')
                .enumerate()
                .filter(|(at, _)| *at != 2)
                .map(|(_, cell)| cell.to_owned())
                .collect::<Vec<_>>()
                .join(",")
        };
        text.lines().map(cells).collect()
    };
    assert_eq!(rows(&whole), rows(&killed));
    // Again: it is done, and says the same.
    good(train(&killed, &["--resume"]));
}

#[test]
fn a_run_is_not_taken_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    good(train(&run, &[&SMALL[..], &["--seeds", "3"]].concat()));
    good(train(&run, &[&["--resume", "--preset", "sb3"], &SMALL[2..8]].concat()));
    let text = bad(train(&run, &["--resume", "--preset", "cleanrl"]));
    assert!(
        text.ends_with("holds a run of other settings; expected those of the run that is resumed, or none\n"),
        "{text}"
    );

    // Files that were changed by hand.
    let swap = |name: &str, change: &dyn Fn(String) -> String, expected: &str| {
        let file = run.join(name);
        let before = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, change(before.clone())).unwrap();
        let text = bad(train(&run, &["--resume"]));
        assert!(text.contains(expected), "{text}");
        std::fs::write(&file, before).unwrap();
    };
    swap(
        "sac.toml",
        &|text| text.replace("Pendulum-v1", "CartPole-v1"),
        "checkpoint.safetensors: is of other settings",
    );
    swap("sac.toml", &|_| String::new(), "checkpoint.safetensors: is of other settings");
    let result = "seed-1/result.json";
    swap(
        result,
        &|text| text.replace("\"seed\": 1", "\"seed\": 7"),
        "result.json: seed is 7; expected what seed 1 of this run gave",
    );
    swap(result, &|text| text.replace("\"mean\": -", "\"mean\": -9"), "result.json: mean is -9");
    std::fs::write(run.join("seed-2/metrics.csv"), "garbage\n").unwrap();
    let page = folder.path().join("page.html");
    let plot = |output: &Path| {
        sac(&["plot", run.to_str().unwrap(), "--output", output.to_str().unwrap()]).output().unwrap()
    };
    let text = bad(plot(&page));
    assert!(
        text.ends_with("metrics.csv: columns are others; expected those of a run of temperance-lab\n"),
        "{text}"
    );
    let text = bad(plot(&run.join("sac.toml")));
    assert!(text.ends_with("sac.toml; expected a file that ends in .html\n"), "{text}");

    // A run that is not done.
    std::fs::remove_file(run.join("seed-1/result.json")).unwrap();
    let text = bad(sac(&["evaluate", run.to_str().unwrap()]).output().unwrap());
    assert!(
        text.contains(": seed 1 is not done; expected a finished run (temperance-lab sac train --resume"),
        "{text}"
    );

    // Another run in its place leaves nothing of it, and what is not of a run stays.
    std::fs::write(run.join("seed-2/notes.txt"), "mine").unwrap();
    std::fs::write(run.join("seed-0/.temperance-aB3.tmp"), "half").unwrap();
    let wild = ["--force", "--seed", "7", "--set", "critic_learning_rate=1e30"];
    let text = bad(train(&run, &[&SMALL[..], &wild].concat()));
    assert!(text.starts_with("error: seed 7: ") && text.contains(" at step "), "{text}");
    let mut left: Vec<String> = std::fs::read_dir(&run)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["sac.toml", "seed-2", "seed-7"]);
    assert_eq!(std::fs::read_dir(run.join("seed-2")).unwrap().count(), 1);
}

/// No round begins after the random steps, so there is no speed to speak of; the run is whole all the same.
#[test]
fn a_run_of_random_steps_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let short = ["--steps", "101", "--set", "environments=3", "--episodes", "2"];
    let text = good(train(folder.path(), &short));
    assert!(text.contains("Pendulum-v1 after 102 steps") && !text.contains("inf"), "{text}");
    assert!(good(train(folder.path(), &["--resume"])).contains("Pendulum-v1 after 102 steps"));
}

/// Where nothing ends an episode, an evaluation ends all the same, and Ctrl-C ends it at once.
#[cfg(unix)]
#[test]
fn evaluations_end() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let cliff = ["--environment", "CliffWalking-v1", "--every", "1000000", "--episodes", "1"];
    good(train(&run, &[&SMALL[2..8], &cliff, &["--steps", "60"]].concat()));
    let long = ["evaluate", run.to_str().unwrap(), "--episodes", "100000000"];
    let mut child = sac(&long).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "it ended early");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn presets_files_and_settings() {
    let folder = tempfile::tempdir().unwrap();
    let text = good(sac(&["settings", "--preset", "cleanrl"]).output().unwrap());
    assert!(text.contains("critic_learning_rate = 0.001") && text.contains("Pendulum-v1"), "{text}");
    let config = folder.path().join("run.toml");
    std::fs::write(
        &config,
        "environment = \"CartPole-v1\"\npreset = \"cleanrl\"\nsteps = 100\nepisodes = 1\n[settings]\nhidden = [8]\nalpha = 1\n[parameters]\nmax_episode_steps = 20\n",
    )
    .unwrap();
    let run = folder.path().join("run");
    let out = good(train(&run, &["--config", config.to_str().unwrap(), "--json", "--set", "alpha=0.25"]));
    let summary: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(summary["environment"], "CartPole-v1");
    let written = std::fs::read_to_string(run.join("sac.toml")).unwrap();
    for line in ["critic_learning_rate = 0.001", "alpha = 0.25", "max_episode_steps = 20", "hidden = [8]"] {
        assert!(written.contains(line), "{line}: {written}");
    }
}

#[test]
fn bad_input_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let text = bad(train(&run, &["--environment", "Pendulum"]));
    assert!(text.contains("the nearest is Pendulum-v1"), "{text}");
    let text = bad(train(&run, &["--set", "hiden=[8]"]));
    assert_eq!(text, "error: setting hiden is not known; did you mean hidden?\n");
    let text = bad(train(&run, &["--set", "hidden=wide"]));
    assert_eq!(
        text,
        "error: setting hidden is \"wide\": invalid type: string \"wide\", expected a sequence\n"
    );
    let text = bad(train(&run, &["--preset", "sb2"]));
    assert_eq!(text, "error: preset is sb2; expected one of sb3, cleanrl, paper\n");
    let text = bad(train(&run, &["--environment", "CartPole-v1", "--set", "target_entropy=-2"]));
    assert_eq!(
        text,
        "error: target entropy is -2; expected a number of nats from 0 to 0.6931, which is ln 2\n"
    );
    let text = bad(train(&run, &["--steps", "0"]));
    assert_eq!(text, "error: steps is 0; expected at least 1\n");
    let text = bad(train(&run, &["--seed", "18446744073709551615"]));
    assert_eq!(text, "error: seed is 18446744073709551615; expected at most 9223372036854775807\n");
    let text = bad(train(&run, &["--seed", "1", "--seeds", "9223372036854775807"]));
    assert!(
        text.starts_with("error: 9223372036854775807 seeds from 1 on; expected at most 10000 seeds"),
        "{text}"
    );
    let text = bad(train(&run, &["--set", "discount=1\npolyak=0.5"]));
    assert!(text.starts_with("error: setting discount is \"\"\" 1 polyak=0.5\"\"\": invalid type"), "{text}");
    let text = bad(train(&run, &["--set", "hidden=[9223372036854775807]"]));
    assert!(
        text.starts_with("error: hidden is [9223372036854775807]; expected one or more widths"),
        "{text}"
    );
    let config = folder.path().join("run.toml");
    for (text, expected) in [
        ("steps = \"x\"", "steps is \"x\": invalid type: string \"x\", expected u64"),
        ("prest = \"sb3\"", "key prest is not known; did you mean preset?"),
        ("settings = 3", "settings is 3; expected a table"),
        ("steps = 1\nsteps = 2", "line 2: duplicate key"),
    ] {
        std::fs::write(&config, text).unwrap();
        let path = config.to_str().unwrap();
        assert_eq!(bad(train(&run, &["--config", path])), format!("error: {path}: {expected}\n"));
    }
    assert!(!run.exists(), "nothing was written");

    good(train(&run, &[&SMALL[..], &["--steps", "100"][..]].concat()[2..]));
    let text = bad(train(&run, &SMALL));
    assert!(text.ends_with("holds a run; --resume goes on with it, --force starts anew\n"), "{text}");
    let checkpoint = run.join("seed-0/checkpoint.safetensors");
    let bytes = std::fs::read(&checkpoint).unwrap();
    let metrics = std::fs::read(run.join("seed-0/metrics.csv")).unwrap();
    std::fs::remove_file(run.join("seed-0/result.json")).unwrap();
    std::fs::write(&checkpoint, &bytes[..bytes.len() / 2]).unwrap();
    let text = bad(train(&run, &["--resume"]));
    assert!(text.contains("checkpoint.safetensors: checkpoint is broken ("), "{text}");
    assert_eq!(
        std::fs::read(run.join("seed-0/metrics.csv")).unwrap(),
        metrics,
        "the run's files are untouched"
    );
    assert_eq!(std::fs::read(&checkpoint).unwrap(), bytes[..bytes.len() / 2]);
    let text = bad(sac(&["evaluate", folder.path().to_str().unwrap()]).output().unwrap());
    assert!(text.contains("no sac.toml; expected the folder of a run"), "{text}");
}
