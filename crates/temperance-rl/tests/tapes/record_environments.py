# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "gymnasium==1.4.0",
#     "numpy==2.4.6",
# ]
# ///
"""Write what Gymnasium's environments and NumPy's generator do next to this file, one tape for each.

    env-generator.json  numpy.random.default_rng: its state, raw words, uniform numbers
    env-NAME.json       spaces and time limit, first states, single steps or the table, rollouts

Run it with `uv run record_environments.py`, or with plain Python once the packages above are installed; a number
after it is the number of single steps instead of STEPS.

States and actions to step from are not written: they are drawn from default_rng of the seed that is, in the order
state, then action; an action of a discrete space as int(random()·n), a number of a box as float32 of uniform.
Every other state of MountainCarContinuous-v0 is rounded to float32, as all but the first of an episode are.
Numbers in float32 are written in the fewest digits that give them back.
"""

import json
import platform
import sys
from pathlib import Path

import gymnasium
import numpy as np

STEPS = 1500
SEEDS = [*range(20), 42, 2**31 - 1, 2**32 - 1, 2**32, 2**32 + 1, 2**53 + 1, 0xDEADBEEFCAFE, 2**64 - 1]
MADE_WITH = {
    "python": platform.python_version(),
    "gymnasium": gymnasium.__version__,
    "numpy": np.__version__,
}

# States to step from: the least and the greatest of each number.
RANGES = {
    "Acrobot-v1": ([-np.pi, -np.pi, -4 * np.pi, -9 * np.pi], [np.pi, np.pi, 4 * np.pi, 9 * np.pi]),
    "CartPole-v1": ([-2.5, -3.0, -0.22, -3.5], [2.5, 3.0, 0.22, 3.5]),
    "MountainCar-v0": ([-1.2, -0.07], [0.6, 0.07]),
    "MountainCarContinuous-v0": ([-1.2, -0.07], [0.6, 0.07]),
    "Pendulum-v1": ([-10.0, -8.0], [10.0, 8.0]),
}
TABULAR = ["CliffWalking-v1", "CliffWalkingSlippery-v1", "FrozenLake-v1", "FrozenLake8x8-v1"]


def write(name, tape):
    text = json.dumps({"made_with": MADE_WITH, **tape}, separators=(",", ":"), allow_nan=False)
    # A line for each part.
    text = text.replace('],"', '],\n"').replace('},{"', '},\n{"')
    path = Path(__file__).with_name(f"env-{name}.json")
    path.write_text(text + "\n")
    print(f"{path.name}: {len(text)} bytes")


def short(numbers):
    """Numbers in float32 as those in float64 with the fewest digits."""
    numbers = np.asarray(numbers, dtype=np.float32)
    texts = [float(str(number)) for number in numbers]
    assert np.array_equal(np.array(texts, dtype=np.float32), numbers)
    return texts


def space(of):
    if isinstance(of, gymnasium.spaces.Discrete):
        return {"n": int(of.n)}
    bounds = {"low": of.low, "high": of.high}
    return {side: [str(x) if np.isinf(x) else short([x])[0] for x in bound] for side, bound in bounds.items()}


def draw(actions, rng):
    if isinstance(actions, gymnasium.spaces.Discrete):
        return int(rng.random() * actions.n)
    bounds = zip(actions.low, actions.high)
    return np.array([rng.uniform(float(low), float(high)) for low, high in bounds], dtype=np.float32)


def state_of(env):
    env = env.unwrapped
    return int(env.s) if hasattr(env, "P") else [float(number) for number in env.state]


def flags(steps):
    return "".join("01"[bool(flag)] for flag in steps)


def resets(env):
    cases = []
    for seed in SEEDS:
        observation, _ = env.reset(seed=seed)
        case = {"seed": seed, "state": state_of(env)}
        if not hasattr(env.unwrapped, "P"):
            case["observation"] = short(observation)
        env.reset()
        cases.append({**case, "state_after_another": state_of(env)})
    return cases


def single_steps(name, env, count):
    env, rng = env.unwrapped, np.random.default_rng(7)
    low, high = RANGES[name]
    states, observations, rewards, ends = [], [], [], []
    for index in range(count):
        env.reset(seed=0)
        state = np.array([rng.uniform(*bounds) for bounds in zip(low, high)])
        if name == "MountainCarContinuous-v0" and index % 2 == 1:
            state = state.astype(np.float32)
        env.state = state
        observation, reward, terminated, _, _ = env.step(draw(env.action_space, rng))
        states.append(state_of(env))
        observations.append(short(observation))
        rewards.append(float(reward))
        ends.append(terminated)
    return {
        "seed": 7, "low": low, "high": high, "states": states, "observations": observations,
        "rewards": rewards, "terminated": flags(ends),
    }


def rollout(name, seed, limit, count):
    env = gymnasium.make(name, max_episode_steps=limit)
    rng = np.random.default_rng(seed + 1000)
    env.reset(seed=seed)
    states, rewards, ends, cuts = [], [], [], []
    for _ in range(count):
        _, reward, terminated, truncated, _ = env.step(draw(env.action_space, rng))
        states.append(state_of(env))
        rewards.append(float(reward))
        ends.append(terminated)
        cuts.append(truncated)
        if terminated or truncated:
            env.reset()
    return {
        "seed": seed, "actions": seed + 1000, "max_episode_steps": limit, "states": states, "rewards": rewards,
        "terminated": flags(ends), "truncated": flags(cuts),
    }


def table(env):
    """(probability, next state, reward, terminated) of every outcome of every action in every state."""

    def outcome(probability, state, reward, terminated):
        return [float(probability), int(state), float(reward), bool(terminated)]

    rows = [actions for _, actions in sorted(env.unwrapped.P.items())]
    return [[[outcome(*of) for of in actions[action]] for action in sorted(actions)] for actions in rows]


def record_generator():
    cases = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        state = rng.bit_generator.state["state"]
        words = [int(number) >> shift & 2**64 - 1 for number in (state["state"], state["inc"]) for shift in (64, 0)]
        cases.append({
            "seed": seed,
            "state": words,
            "bits": [int(rng.bit_generator.random_raw()) for _ in range(8)],
            "random": [rng.random() for _ in range(8)],
            "uniform": [rng.uniform(-0.6, -0.4) for _ in range(8)],
        })
    write("generator", {"cases": cases})


def record(name, count):
    env = gymnasium.make(name)
    tape = {
        "name": name,
        "observation_space": space(env.observation_space),
        "action_space": space(env.action_space),
        "max_episode_steps": env.spec.max_episode_steps,
        "resets": resets(env),
    }
    if name in TABULAR:
        tape["table"] = table(env)
        tape["rollouts"] = [rollout(name, seed, limit, 1000) for seed, limit in [(0, None), (1, 30), (2, 8)]]
    else:
        tape["steps"] = single_steps(name, env, count)
        tape["rollouts"] = [rollout(name, seed, limit, 200) for seed, limit in [(0, None), (1, 75), (2, 12)]]
    write(name, tape)


record_generator()
for name in [*RANGES, *TABULAR]:
    record(name, int(sys.argv[1]) if len(sys.argv) > 1 else STEPS)
