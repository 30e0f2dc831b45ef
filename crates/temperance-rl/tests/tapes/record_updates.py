# /// script
# requires-python = ">=3.11"
# dependencies = ["stable-baselines3==2.9.2", "gymnasium==1.4.0", "numpy==2.4.6", "torch==2.15.0"]
# ///
"""Record updates of SAC and discrete SAC next to this file: what other implementations make of the same numbers.

    update-CASE-f32.json    computed in float32, as the implementation is used
    update-CASE-f64.json    the same code in float64, from the same float32 weights, batches and noise
    update-CASE-exact.json  float64, and 0 for the 1e-6 in the logarithm of the tanh correction; continuous cases only
    squashed-gaussian.json  torch.distributions: log-probabilities of a squashed Gaussian and their gradients, float64

Cases:

    sb3, sb3-two        Stable-Baselines3, SAC.train() on its own networks, as they are; one action dimension, and two
    sb3-fixed           the same with a fixed temperature
    sb3-nstep           the same with rows of NStepReplayBuffer, whose discounts differ
    sb3-gsde            the same with state-dependent exploration
    cleanrl             CleanRL's continuous SAC, written here from its description: not CleanRL's own file, whose critics
                        see actions in units of the environment; here they see them in [-1, 1], as ours do
    discrete            discrete SAC by exact expectations (Christodoulou 2019, arXiv 1910.07207), written here
    discrete-decoupled  the same without the entropy in the critics' target (after arXiv 2509.09838), written here
    discrete-sd         SD-SAC (Zhou et al., arXiv 2209.10081) with the larger loss of each row, as later descriptions of
                        the paper have it: from these and from memory, the paper was not at hand. The authors' code takes
                        the larger of the two mean losses, and no half before the penalty. Written here

A file is {"case", "precision", "versions", "settings", "initial", "updates"}; every update has the fields

    batch       observations, actions, rewards, next_observations, terminated, truncated: lists over rows. A row ends if it
                is terminated; a row that is truncated and not terminated goes on. Actions of Stable-Baselines3 are in
                [-1, 1], those of cleanrl in the environment's units, discrete ones are indices. sb3-nstep has discounts
                in place of truncated, and its "transitions" are the steps that the rows were made from: row j of update
                k (both from 0) begins at step 12 k + j. discrete-sd has behaviour_entropy: of the policy that acted.
    noise       what stands for standard normal draws: target (for next_observations), actor (for observations). sb3-gsde
                has one matrix for both, exploration, whose use its settings describe.
    alpha       the temperature in this update's target and policy loss
    losses      critic, actor, alpha: as computed before each step, the policy loss with the updated critics
    gradients   of the critic loss by the critics, of the policy loss by the actor, of the temperature loss by log_alpha
    parameters  after the update, targets too; log_alpha beside them (null where the temperature is fixed)

cleanrl has actor_steps for the actor's part: none or two of {"noise": {"actor", "alpha"}, "alpha", "losses", "gradients",
"log_alpha"}; the noise and alpha of the update itself are those of the target. Steps are in the order of the code below.

Weights are out x in, as in torch: y = W x + b. Names: actor.0, actor.1 (hidden layers), actor.mean and actor.log_std (or
actor.logits), critic.I.L and target.I.L for layer L of critic I; each has .weight and .bias. In sb3-gsde actor.log_std is
one matrix, features x actions. The input of a continuous critic is the observation, then the action. Hidden layers have
ReLU. log_alpha begins at 0. The targets do not begin as copies of the critics, so that a mix-up shows. All weights, batches
and noise are float32 numbers; every number is written with all digits of its float64 value.

Run it with `uv run record_updates.py`, or with plain Python once the packages above are installed. The numbers of a case come
from SEED and its name alone.
"""

import json
import math
import platform
import re
import zlib
from collections import deque
from importlib.metadata import version
from pathlib import Path

import gymnasium
import numpy as np
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.distributions import TanhBijector
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch.distributions import Normal, TanhTransform, TransformedDistribution
from torch.nn import functional

SEED = 20261127
OBSERVATION, HIDDEN, ACTIONS = 3, 8, 3
BATCH, UPDATES = 12, 3
GAMMA, TAU, LEARNING_RATE = 0.99, 0.005, 3e-4
TANH_EPSILON = 1e-6
ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}


# Numbers in, numbers out


def generator(name):
    """A random generator that depends on SEED and the name of the case only."""
    return np.random.default_rng([SEED, zlib.crc32(name.encode())])


def layer(random, name, outputs, inputs):
    bound = inputs**-0.5
    weight, bias = random.uniform(-bound, bound, (outputs, inputs)), random.uniform(-bound, bound, outputs)
    return {f"{name}.weight": weight.astype(np.float32), f"{name}.bias": bias.astype(np.float32)}


def network(random, name, inputs, heads):
    """Two hidden layers and the heads on them, {name: outputs}."""
    weights = layer(random, f"{name}.0", HIDDEN, inputs) | layer(random, f"{name}.1", HIDDEN, HIDDEN)
    for head, outputs in heads.items():
        weights |= layer(random, f"{name}.{head}", outputs, HIDDEN)
    return weights


def weights(random, heads, critic_inputs, critic_outputs):
    """An actor with these heads, two critics and their targets."""
    made = network(random, "actor", OBSERVATION, heads)
    for name in ("critic.0", "critic.1", "target.0", "target.1"):
        made |= network(random, name, critic_inputs, {2: critic_outputs})
    return made


def normal(random, *shape):
    return random.normal(size=shape).astype(np.float32)


def rows(random, actions):
    """A batch: two rows are terminated, one of which is truncated too, and two more are truncated."""
    made = {
        "observations": normal(random, BATCH, OBSERVATION),
        "actions": actions,
        "rewards": 2 * normal(random, BATCH),
        "next_observations": normal(random, BATCH, OBSERVATION),
    }
    row = np.arange(BATCH)
    return made | {"terminated": np.isin(row, (2, 7)), "truncated": np.isin(row, (4, 7, 9))}


def uniform_actions(random, dimensions, scale=1.0):
    return (scale * random.uniform(-1, 1, (BATCH, dimensions))).astype(np.float32)


def tensors(values, dtype):
    """Copies of arrays as tensors of this type, truth values as 0 and 1, indices as they are."""
    return {
        name: torch.tensor(value, dtype=torch.int64 if value.dtype == np.int64 else dtype)
        for name, value in values.items()
    }


def listed(value):
    """Nested lists for JSON."""
    if isinstance(value, dict):
        return {name: listed(item) for name, item in value.items()}
    if isinstance(value, torch.Tensor):
        value = value.detach().numpy()
    return value.tolist()


def write(case, precision, settings, initial, updates, **more):
    packages = ["torch", "numpy"] + ["stable-baselines3", "gymnasium"] * case.startswith("sb3")
    versions = {"python": platform.python_version()} | {name: version(name) for name in packages}
    recorded = {
        "case": case, "precision": precision, "versions": versions, "settings": settings, "initial": listed(initial),
        **more, "updates": updates,
    }
    save(f"update-{case}-{precision}.json", recorded)


def save(name, recorded):
    text = json.dumps(recorded, separators=(",", ":"), allow_nan=False) + "\n"
    Path(__file__).with_name(name).write_text(text)
    print(f"{name}: {len(text)} bytes")


def common(alpha, target_entropy, critic_loss, **more):
    """The settings that every case has. `alpha` is the first temperature, or the fixed one if there is no target."""
    rates = more.pop("learning_rates", dict.fromkeys(("actor", "critic", "alpha"), LEARNING_RATE))
    return {
        "gamma": GAMMA, "tau": TAU, "learning_rates": rates, "adam": ADAM, "alpha": alpha,
        "target_entropy": target_entropy, "critic_loss": critic_loss, **more,
    }


# Stable-Baselines3


class Spaces(gymnasium.Env):
    """No environment, only its spaces: SAC asks for no more until it acts."""

    def __init__(self, dimensions):
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (OBSERVATION,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1, 1, (dimensions,), np.float32)


class Features(FlattenExtractor):
    """Observations as they are, of the type of the networks: Stable-Baselines3 makes them float32."""

    def forward(self, observations):
        return super().forward(observations).to(torch.get_default_dtype())


class RecordedNormal:
    """While it is open, Normal.rsample takes recorded noise, and all of it has to be taken."""

    def __init__(self, *noise):
        self.noise = deque(noise)

    def __enter__(self):
        self.rsample = Normal.rsample
        Normal.rsample = lambda normal, _shape=(): normal.loc + normal.scale * self.noise.popleft()

    def __exit__(self, error, *_details):
        Normal.rsample = self.rsample
        assert error or not self.noise, "noise is left over"


def plain(name):
    """Stable-Baselines3's name of a parameter as this file has it."""
    name = re.sub(r"^critic(_target)?\.qf", lambda match: "target." if match[1] else "critic.", name)
    name = re.sub(r"^actor\.mu\.(0\.)?", "actor.mean.", name)
    name = name.replace("latent_pi.", "")
    # Every second member of a Sequential is an activation.
    return re.sub(r"\d(?=\.(weight|bias)$)", lambda match: str(int(match[0]) // 2), name)


def sb3(case, precision, dimensions=1, fixed=None, n_steps=1, gsde=False):
    dtype = torch.float32 if precision == "f32" else torch.float64
    epsilon = 0.0 if precision == "exact" else TANH_EPSILON
    random = generator(case)
    initial = weights(random, {"mean": dimensions, "log_std": dimensions}, OBSERVATION + dimensions, 1)
    if gsde:
        del initial["actor.log_std.weight"], initial["actor.log_std.bias"]
        initial["actor.log_std"] = 0.3 * normal(random, HIDDEN, dimensions) - 1
    batches = [rows(random, uniform_actions(random, dimensions)) for _ in range(UPDATES)]
    transitions = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}

    torch.set_default_dtype(dtype)
    model = SAC(
        "MlpPolicy", Spaces(dimensions), learning_rate=LEARNING_RATE, buffer_size=100, batch_size=BATCH, tau=TAU,
        gamma=GAMMA, n_steps=n_steps, ent_coef="auto" if fixed is None else fixed, use_sde=gsde,
        policy_kwargs={"net_arch": [HIDDEN, HIDDEN], "features_extractor_class": Features}, device="cpu",
    )
    model.set_logger(Logger(None, []))
    parameters = {plain(name): value for name, value in model.policy.named_parameters()}
    assert parameters.keys() == initial.keys()
    with torch.no_grad():
        for name, value in tensors(initial, dtype).items():
            parameters[name].copy_(value)
    distribution = model.actor.action_dist
    if gsde:
        distribution.bijector = TanhBijector(epsilon)
    else:
        distribution.epsilon = epsilon

    # The steps go through its own replay buffer, which decides what a truncated row is.
    buffer = model.replay_buffer
    for t in range(UPDATES * BATCH):
        step = {name: value[t : t + 1] for name, value in transitions.items()}
        end = step["terminated"] | step["truncated"]
        info = {"TimeLimit.truncated": bool(step["truncated"] & ~step["terminated"])}
        buffer.add(step["observations"], step["next_observations"], step["actions"], step["rewards"], end, [info])

    trained = parameters | ({"log_alpha": model.log_ent_coef} if fixed is None else {})
    gradients = {}

    def keep(optimiser, _args, _kwargs):
        own = {id(value) for group in optimiser.param_groups for value in group["params"]}
        gradients.update({name: listed(value.grad) for name, value in trained.items() if id(value) in own})

    for optimiser in (model.actor.optimizer, model.critic.optimizer, model.ent_coef_optimizer):
        if optimiser is not None:
            optimiser.register_step_pre_hook(keep)

    updates = []
    for k, batch in enumerate(batches):
        sample = buffer._get_samples(np.arange(k * BATCH, (k + 1) * BATCH))
        if n_steps == 1:
            assert np.array_equal(sample.dones[:, 0].numpy(), batch["terminated"])
        else:
            batch = {
                "observations": sample.observations, "actions": sample.actions, "rewards": sample.rewards[:, 0],
                "next_observations": sample.next_observations, "terminated": sample.dones[:, 0] == 1,
                "discounts": sample.discounts[:, 0],
            }
        sample = type(sample)(*(None if part is None else part.to(dtype) for part in sample))
        buffer.sample = lambda _size, env=None, sample=sample: sample
        if gsde:
            noise = {"exploration": normal(random, HIDDEN, dimensions)}
            # The second draw makes one matrix for each environment that acts, which no update reads.
            drawn = [*tensors(noise, dtype).values(), torch.full((1, HIDDEN, dimensions), math.nan)]
        else:
            noise = {name: normal(random, BATCH, dimensions) for name in ("actor", "target")}
            drawn = tensors(noise, dtype).values()
        with RecordedNormal(*drawn):
            model.train(1, BATCH)
        said = model.logger.name_to_value
        names = {"critic": "critic_loss", "actor": "actor_loss", "alpha": "ent_coef_loss"}
        losses = {ours: float(said[f"train/{theirs}"]) for ours, theirs in names.items() if f"train/{theirs}" in said}
        if fixed is None:
            gradients["log_alpha"] = gradients["log_alpha"][0]
        updates.append({
            "batch": listed(batch), "noise": listed(noise), "alpha": float(said["train/ent_coef"]), "losses": losses,
            "gradients": dict(gradients), "parameters": listed(parameters),
            "log_alpha": model.log_ent_coef.item() if fixed is None else None,
        })

    alpha, target = (1.0, model.target_entropy) if fixed is None else (fixed, None)
    policy = {
        "noise_weights": "exp(actor.log_std) times exploration, one matrix for all rows",
        "noise": "last hidden layer times noise_weights, added to the mean; gradients flow through both factors",
        "variance": "squares of the last hidden layer times squares of exp(actor.log_std), plus variance_epsilon",
        "variance_epsilon": distribution.epsilon,
        "mean_bounds": [-model.actor.clip_mean, model.actor.clip_mean],
        "use_expln": model.actor.use_expln, "full_std": model.actor.full_std,
        "learn_features": distribution.learn_features,
        "resampling": "exploration is drawn at the beginning of every update and used for actor and target",
    } if gsde else {"log_std_bounds": [-20, 2]}
    settings = common(
        alpha, target, "half the sum over critics of the mean squared error", alpha_loss="log_alpha",
        tanh_epsilon=epsilon, action_scale=1.0, **policy, **({"n_steps": n_steps} if n_steps > 1 else {}),
    )
    more = {"transitions": listed(transitions)} if n_steps > 1 else {}
    write(case, precision, settings, initial, updates, **more)


# Written here


class Learner:
    """Parameters by name, an Adam for each part of them, and what every update does with both."""

    def __init__(self, initial, dtype, rates):
        self.parameters = tensors(initial, dtype)
        self.log_alpha = torch.zeros((), dtype=dtype, requires_grad=True)
        self.optimisers = {}
        for part, rate in rates.items():
            for value in self.part(part).values():
                value.requires_grad_()
            betas = ADAM["beta_1"], ADAM["beta_2"]
            self.optimisers[part] = torch.optim.Adam(self.part(part).values(), rate, betas, ADAM["epsilon"])

    def part(self, part):
        if part == "alpha":
            return {"log_alpha": self.log_alpha}
        return {name: value for name, value in self.parameters.items() if name.startswith(part)}

    def run(self, name, x, *heads):
        """The outputs of a network's heads."""
        for index in ("0", "1", *heads):
            weight, bias = (self.parameters[f"{name}.{index}.{kind}"] for kind in ("weight", "bias"))
            if index not in heads:
                x = functional.relu(functional.linear(x, weight, bias))
            else:
                yield functional.linear(x, weight, bias)

    def values(self, kind, x):
        """What both critics, or both targets, say."""
        return [next(self.run(f"{kind}.{i}", x, "2")) for i in range(2)]

    def step(self, part, loss):
        """A step of one optimiser, and the gradients that it took."""
        optimiser = self.optimisers[part]
        optimiser.zero_grad()
        loss.backward()
        gradients = {name: listed(value.grad) for name, value in self.part(part).items()}
        optimiser.step()
        return gradients

    def move_targets(self):
        with torch.no_grad():
            for name, value in self.part("critic").items():
                target = self.parameters[name.replace("critic", "target")]
                target.copy_(TAU * value + (1 - TAU) * target)


def cleanrl(case, precision):
    """Log-probabilities are of actions in units of the environment, in [-2, 2]; critics see actions in [-1, 1]."""
    dtype = torch.float32 if precision == "f32" else torch.float64
    epsilon = 0.0 if precision == "exact" else TANH_EPSILON
    scale, low, high, every, target_entropy = 2.0, -5.0, 2.0, 2, -1.0
    rates = {"actor": 3e-4, "critic": 1e-3, "alpha": 1e-3}
    random = generator(case)
    initial = weights(random, {"mean": 1, "log_std": 1}, OBSERVATION + 1, 1)
    learner = Learner(initial, dtype, rates)

    def act(observations, noise):
        mean, log_std = learner.run("actor", observations, "mean", "log_std")
        log_std = low + (high - low) / 2 * (torch.tanh(log_std) + 1)
        policy = Normal(mean, log_std.exp())
        u = mean + log_std.exp() * noise
        a = torch.tanh(u)
        return a, policy.log_prob(u)[:, 0] - torch.log(scale * (1 - a[:, 0] ** 2) + epsilon)

    def least(kind, observations, actions):
        return torch.minimum(*learner.values(kind, torch.cat([observations, actions], dim=1)))[:, 0]

    updates = []
    for k in range(2 * every):
        recorded = rows(random, uniform_actions(random, 1, scale))
        batch = tensors(recorded, dtype)
        alpha = learner.log_alpha.detach().exp()
        noise = {"target": normal(random, BATCH, 1)}
        update = {"batch": listed(recorded), "noise": listed(noise), "alpha": alpha.item()}
        with torch.no_grad():
            actions, log_p = act(batch["next_observations"], tensors(noise, dtype)["target"])
            following = least("target", batch["next_observations"], actions) - alpha * log_p
            y = batch["rewards"] + (1 - batch["terminated"]) * GAMMA * following
        values = learner.values("critic", torch.cat([batch["observations"], batch["actions"] / scale], dim=1))
        loss = sum(functional.mse_loss(value[:, 0], y) for value in values)
        update |= {"losses": {"critic": loss.item()}, "gradients": learner.step("critic", loss), "actor_steps": []}
        for _ in range(every if k % every == every - 1 else 0):
            alpha = learner.log_alpha.detach().exp()
            noise = {name: normal(random, BATCH, 1) for name in ("actor", "alpha")}
            drawn = tensors(noise, dtype)
            actions, log_p = act(batch["observations"], drawn["actor"])
            actor_loss = (alpha * log_p - least("critic", batch["observations"], actions)).mean()
            gradients = learner.step("actor", actor_loss)
            with torch.no_grad():
                _, log_p = act(batch["observations"], drawn["alpha"])
            alpha_loss = (-learner.log_alpha.exp() * (log_p + target_entropy)).mean()
            gradients |= learner.step("alpha", alpha_loss)
            update["actor_steps"].append({
                "noise": listed(noise), "alpha": alpha.item(),
                "losses": {"actor": actor_loss.item(), "alpha": alpha_loss.item()}, "gradients": gradients,
                "log_alpha": learner.log_alpha.item(),
            })
        learner.move_targets()
        updates.append(update | {"parameters": listed(learner.parameters), "log_alpha": learner.log_alpha.item()})

    settings = common(
        1.0, target_entropy, "the sum over critics of the mean squared error", learning_rates=rates,
        alpha_loss="alpha", log_std="low + (high - low) / 2 (tanh(output) + 1)", log_std_bounds=[low, high],
        tanh_epsilon=epsilon, action_scale=scale, actor_every=every, actor_steps=every,
        written_here="from its description; not CleanRL's own file",
    )
    write(case, precision, settings, initial, updates)


def discrete(case, precision, decoupled=False, sd=False):
    """Exact expectations over the actions; `sd` is for SD-SAC."""
    dtype = torch.float32 if precision == "f32" else torch.float64
    scale, clip, beta = 0.89, 0.1, 0.5
    target_entropy = scale * math.log(ACTIONS)
    rates = dict.fromkeys(("actor", "critic", "alpha"), LEARNING_RATE)
    random = generator(case)
    initial = weights(random, {"logits": ACTIONS}, OBSERVATION, ACTIONS)
    learner = Learner(initial, dtype, rates)

    def policy(observations):
        (logits,) = learner.run("actor", observations, "logits")
        log_p = functional.log_softmax(logits, dim=1)
        return log_p.exp(), log_p

    def combined(kind, observations):
        first, second = learner.values(kind, observations)
        return (first + second) / 2 if sd else torch.minimum(first, second)

    def critic_loss(value, target, y):
        """The mean squared error; by SD-SAC, row by row, the larger one of it and that of the value kept close to the target's."""
        error = (value - y) ** 2
        if not sd:
            return error.mean()
        clipped = (target + (value - target).clamp(-clip, clip) - y) ** 2
        # Else the case would not show which of the two is taken.
        assert (clipped > error).any() and (clipped < error).any()
        return torch.maximum(error, clipped).mean()

    updates = []
    for _ in range(UPDATES):
        recorded = rows(random, random.integers(ACTIONS, size=BATCH))
        if sd:
            recorded["behaviour_entropy"] = random.uniform(0.2, math.log(ACTIONS), BATCH).astype(np.float32)
        batch = tensors(recorded, dtype)
        observations, actions = batch["observations"], batch["actions"][:, None]
        alpha = learner.log_alpha.detach().exp()
        with torch.no_grad():
            p, log_p = policy(batch["next_observations"])
            entropy_term = 0 if decoupled else alpha * log_p
            following = (p * (combined("target", batch["next_observations"]) - entropy_term)).sum(dim=1)
            y = batch["rewards"] + (1 - batch["terminated"]) * GAMMA * following
            kept = [value.gather(1, actions)[:, 0] for value in learner.values("target", observations)]
        taken = [value.gather(1, actions)[:, 0] for value in learner.values("critic", observations)]
        loss = sum(critic_loss(value, target, y) for value, target in zip(taken, kept))
        gradients = learner.step("critic", loss)

        p, log_p = policy(observations)
        entropy = -(p * log_p).sum(dim=1)
        actor_loss = (p * (alpha * log_p - combined("critic", observations).detach())).sum(dim=1).mean()
        if sd:
            actor_loss = actor_loss + beta / 2 * ((batch["behaviour_entropy"] - entropy) ** 2).mean()
        gradients |= learner.step("actor", actor_loss)

        # The entropy of the policy before its step: the place of this step in the update does not matter.
        alpha_loss = (learner.log_alpha * (entropy.detach() - target_entropy)).mean()
        gradients |= learner.step("alpha", alpha_loss)
        learner.move_targets()
        updates.append({
            "batch": listed(recorded), "noise": {}, "alpha": alpha.item(),
            "losses": {"critic": loss.item(), "actor": actor_loss.item(), "alpha": alpha_loss.item()},
            "gradients": gradients, "parameters": listed(learner.parameters), "log_alpha": learner.log_alpha.item(),
        })

    more = {
        "critics_combined": "mean", "q_clip": clip, "larger_loss_of": "row", "entropy_penalty": beta,
        "entropy_penalty_term": "half entropy_penalty mean((behaviour_entropy - H)^2)",
    } if sd else {"critics_combined": "minimum"}
    settings = common(
        1.0, target_entropy, "the sum over critics of the mean squared error", alpha_loss="log_alpha", actions=ACTIONS,
        target_entropy_scale=scale, entropy_in_target=not decoupled, **more,
    )
    write(case, precision, settings, initial, updates)


def squashed_gaussian():
    """Rows from the middle into the tails, two dimensions each."""
    random = generator("squashed-gaussian")
    mean = torch.tensor([[0.3, -0.2], [1.5, 0.1], [-4.0, 2.0], [9.0, -9.5], [14.0, -20.0]], dtype=torch.float64)
    log_std = torch.tensor([[-0.5, 0.4], [-3.0, 1.0], [0.5, -1.0], [1.0, 0.0], [2.0, -5.0]], dtype=torch.float64)
    noise = tensors({"noise": normal(random, 5, 2)}, torch.float64)["noise"]
    mean.requires_grad_()
    log_std.requires_grad_()
    base = Normal(mean, log_std.exp())
    u = mean + log_std.exp() * noise
    # With a cache the transform finds u again, where atanh of the action would lose it.
    tanh = TanhTransform(cache_size=1)
    action = tanh(u)
    log_prob = TransformedDistribution(base, [tanh]).log_prob(action).sum(dim=1)
    log_prob.sum().backward()
    save("squashed-gaussian.json", {
        "versions": {"torch": version("torch")},
        "gradients": "of a row's log_prob by its mean and log_std, the noise held fixed",
        **{name: listed(value) for name, value in {
            "mean": mean, "log_std": log_std, "noise": noise, "pre_tanh": u, "action": action, "log_prob": log_prob,
            "by_mean": mean.grad, "by_log_std": log_std.grad,
        }.items()},
    })


CONTINUOUS = {
    "sb3": (sb3, {}),
    "sb3-two": (sb3, {"dimensions": 2}),
    "sb3-fixed": (sb3, {"fixed": 0.2}),
    "sb3-nstep": (sb3, {"n_steps": 3}),
    "sb3-gsde": (sb3, {"dimensions": 2, "gsde": True}),
    "cleanrl": (cleanrl, {}),
}
DISCRETE = {
    "discrete": {},
    "discrete-decoupled": {"decoupled": True},
    "discrete-sd": {"sd": True},
}


def main():
    torch.set_num_threads(1)
    for case, (record, options) in CONTINUOUS.items():
        for precision in ("f32", "f64", "exact"):
            record(case, precision, **options)
    for case, options in DISCRETE.items():
        for precision in ("f32", "f64"):
            discrete(case, precision, **options)
    squashed_gaussian()


if __name__ == "__main__":
    main()
