"""SAC on Pendulum-v1: steps in a second, environment and one gradient step each included, beside its peers."""

import argparse
import json
import os
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

from machine import BENCH, CORES, TARGET, about, start, write

# Ours prints one line of JSON with "steps_per_second": steps after the warm-up by the seconds that they took. All steps are
# asked for, the warm-up is the first of them.
OURS = (
    "sac train --environment Pendulum-v1 --steps {steps} --every {steps} --episodes 1 --json"
    " --set learning_starts={warm_up} --set hidden=[{width},{width}] --set batch_size={width}"
)
# Two hidden layers of this width, and batches of as many rows.
WIDTHS = (256, 64)
# Steps with random actions, then steps of training that compile and wake up what is lazy. The peers' clock runs after both.
RANDOM, AWAKE = 300, 100
SEED = 0

# RLtools has its own Pendulum-v1 in C++; an environment in Python would cost it more than training.
RLTOOLS_ENVIRONMENT = """
#include <rl_tools/rl/environments/pendulum/operations_cpu.h>

template <typename T, typename TI>
using ENVIRONMENT_FACTORY = rl_tools::rl::environments::Pendulum<rl_tools::rl::environments::pendulum::Specification<T, TI>>;
"""


def temperance(width, steps):
    arguments = OURS.format(steps=RANDOM + steps, warm_up=RANDOM, width=width)
    with tempfile.TemporaryDirectory() as folder:
        command = [str(TARGET / "temperance-lab"), *shlex.split(arguments), "--output", f"{folder}/run"]
        out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(out.splitlines()[-1])["steps_per_second"]


def with_callback(sac, width, steps):
    """Stable-Baselines3 and sbx, which share their loop: a step of the environment, the callback, a gradient step."""
    from stable_baselines3.common.callbacks import BaseCallback

    class Clock(BaseCallback):
        def _on_step(self):
            if self.num_timesteps == RANDOM + AWAKE:
                self.start = time.perf_counter()
            elif self.num_timesteps == RANDOM + AWAKE + steps:
                self.seconds = time.perf_counter() - self.start
            return True

    clock = Clock()
    model = sac(
        "MlpPolicy", "Pendulum-v1", learning_starts=RANDOM, batch_size=width,
        policy_kwargs={"net_arch": [width, width]}, seed=SEED, device="cpu",
    )
    model.learn(RANDOM + AWAKE + steps, callback=clock, log_interval=None)
    return steps / clock.seconds


def stable_baselines3(width, steps):
    from stable_baselines3 import SAC

    return with_callback(SAC, width, steps)


def sbx(width, steps):
    os.environ["JAX_PLATFORMS"] = "cpu"
    from sbx import SAC

    return with_callback(SAC, width, steps)


def rltools(width, steps):
    """Compiled on its first run for this shape, by g++ and with MKL; its package gives MKL one thread."""
    from rltools import SAC

    folder = TARGET.parent / "bench-sac"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "environment.h").write_text(RLTOOLS_ENVIRONMENT)
    sac = SAC(
        {"path": str(folder), "observation_dim": 3, "action_dim": 1}, enable_evaluation=False,
        interface_name=f"pendulum_{width}", ACTOR_HIDDEN_DIM=width, CRITIC_HIDDEN_DIM=width, ACTOR_BATCH_SIZE=width,
        CRITIC_BATCH_SIZE=width, N_WARMUP_STEPS=RANDOM, STEP_LIMIT=RANDOM + AWAKE + steps,
        ALPHA=1.0, OPTIMIZER_ALPHA=3e-4,
    )
    state = sac.State(SEED)
    for _ in range(RANDOM + AWAKE):
        state.step()
    begin = time.perf_counter()
    for _ in range(steps):
        state.step()
    return steps / (time.perf_counter() - begin)


CONTESTANTS = {"temperance": temperance, "Stable-Baselines3": stable_baselines3, "sbx": sbx, "RLtools": rltools}


def apart(*arguments):
    """A run of one contestant in a process of its own."""
    run = [sys.executable, __file__, "--run", *map(str, arguments)]
    out = subprocess.run(run, cwd=BENCH, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(out.splitlines()[-1])


def table(width, found):
    ours = statistics.median(found["temperance"]) if "temperance" in found else None
    text = f"## {width} x {width}, batch {width}\n\n"
    text += "| | steps/s, median | least | most | ours / theirs |\n|---|---|---|---|---|\n"
    for name, rates in found.items():
        median = statistics.median(rates)
        ratio = f"{ours / median:.2f}" if ours else ""
        text += f"| {name} | {median:.0f} | {min(rates):.0f} | {max(rates):.0f} | {ratio} |\n"
    return text + "\n"


def main():
    parser = argparse.ArgumentParser(prog="bench/run sac", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="300 steps and 1 round, to see that it runs")
    parser.add_argument("--steps", type=int, default=5000, help="steps that are timed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shape", type=int, nargs="+", default=WIDTHS, help="widths, of layers and batch alike")
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--cores", type=int, default=CORES, help="cores that a contestant may use")
    parser.add_argument("--write", action="store_true", help="write the record, not only the table")
    parser.add_argument("--run", nargs=3, metavar=("CONTESTANT", "WIDTH", "STEPS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        name, width, steps = arguments.run
        print(json.dumps(CONTESTANTS[name](int(width), int(steps))))
        return

    # Processes inherit it, and torch, JAX and ours count their threads by it.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    steps, rounds = (300, 1) if arguments.quick else (arguments.steps, arguments.rounds)
    record = start("sac", ["torch", "stable-baselines3", "sbx-rl", "jax", "rltools", "mkl", "gymnasium"])
    record |= {"steps": steps, "cores": arguments.cores, "results": {}}
    text = f"# SAC on Pendulum-v1\n\n{record['date']}, `{record['command']}`. {about(record)}\n"
    text += f"{steps} steps after the warm-up, rounds: {rounds}, cores for each: {arguments.cores}.\n\n"
    for width in arguments.shape:
        found = {name: [] for name in arguments.only}
        order = random.Random(SEED)
        for _ in range(rounds):
            for name in order.sample(arguments.only, len(arguments.only)):
                found[name].append(apart(name, width, steps))
                print(f"{width} x {width}, {name}: {found[name][-1]:.0f} steps/s", file=sys.stderr, flush=True)
        record["results"][f"{width}x{width}"] = found
        text += table(width, found)
    print(text)
    if arguments.write:
        print(write(record, "sac-quick" if arguments.quick else "sac", {"md": text}))


if __name__ == "__main__":
    main()
