//! Soft dynamic programming: closed forms, laws, enumeration of trajectories, the guarantee for other
//! rewards, refusals.

mod common;

use common::{close, softmax, text};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use temperance::ErrorKind;
use temperance::policy::{FiniteMdp, SoftStage};

const INF: f64 = f64::INFINITY;

/// α·ln Σ exp(x/α), from its definition.
fn log_sum_exp(x: &[f64], alpha: f64) -> f64 {
    let max = x.iter().copied().fold(-INF, f64::max);
    max + alpha * x.iter().map(|x| ((x - max) / alpha).exp()).sum::<f64>().ln()
}

/// A process of random rewards and transitions, as its tables.
struct Tables {
    states: usize,
    actions: usize,
    rewards: Vec<f64>,
    transitions: Vec<f64>,
}

impl Tables {
    fn random(seed: u64, states: usize, actions: usize) -> Self {
        let mut random = Pcg64::seed_from_u64(seed);
        let rewards = (0..states * actions).map(|_| 2.0 * random.random::<f64>() - 1.0).collect();
        let mut transitions = Vec::new();
        for _ in 0..states * actions {
            let row: Vec<f64> = (0..states).map(|_| random.random::<f64>().powi(3)).collect();
            let sum: f64 = row.iter().sum();
            transitions.extend(row.iter().map(|p| p / sum));
        }
        Tables { states, actions, rewards, transitions }
    }

    fn mdp(&self, discount: f64) -> FiniteMdp {
        FiniteMdp::new(self.states, self.actions, &self.rewards, &self.transitions, discount).unwrap()
    }

    fn with_rewards(&self, of: impl Fn(f64) -> f64) -> Self {
        let rewards = self.rewards.iter().map(|&r| of(r)).collect();
        Tables { rewards, transitions: self.transitions.clone(), ..*self }
    }
}

fn random_policy(random: &mut Pcg64, mdp: &FiniteMdp) -> Vec<f64> {
    let row = |random: &mut Pcg64| {
        let z: Vec<f64> = (0..mdp.actions()).map(|_| 3.0 * random.random::<f64>()).collect();
        softmax(&z)
    };
    (0..mdp.states()).flat_map(|_| row(random)).collect()
}

fn all_close(what: &str, a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        close(what, *a, *b, tolerance, tolerance);
    }
}

fn loop_of(rewards: &[f64], discount: f64) -> FiniteMdp {
    FiniteMdp::new(1, rewards.len(), rewards, &vec![1.0; rewards.len()], discount).unwrap()
}

/// 1: a bandit, which is a process of one step.
#[test]
fn a_bandit_is_log_sum_exp_and_softmax() {
    let rewards = [1.0, -0.5, 0.3];
    for alpha in [0.1, 1.0, 10.0] {
        let stages = loop_of(&rewards, 1.0).soft_backward_induction(alpha, 1).unwrap();
        close("V", stages[0].values[0], log_sum_exp(&rewards, alpha), 1e-14, 0.0);
        let scaled: Vec<f64> = rewards.iter().map(|r| r / alpha).collect();
        all_close("π", &stages[0].policy, &softmax(&scaled), 1e-14);
    }
    let hard = loop_of(&rewards, 1.0).soft_backward_induction(0.0, 1).unwrap();
    assert_eq!(hard, [SoftStage { values: vec![1.0], policy: vec![1.0, 0.0, 0.0] }]);
}

/// 2: a state that every action stays in.
#[test]
fn one_state_loops() {
    for (alpha, value, first) in
        [(0.1, 10.000045, 0.999955), (0.5, 10.634640, 0.880797), (1.0, 13.132617, 0.731059)]
    {
        let mdp = loop_of(&[1.0, 0.0], 0.9);
        let solution = mdp.soft_value_iteration(alpha, 1e-11).unwrap();
        assert!((solution.values[0] - value).abs() < 6e-7 && (solution.policy[0] - first).abs() < 6e-7);
        close("V", solution.values[0], log_sum_exp(&[1.0, 0.0], alpha) / (1.0 - 0.9), 1e-11, 0.0);
        // One evaluation of one improvement is exact here.
        let newton = mdp.soft_policy_iteration(alpha, 1e-11).unwrap();
        assert_eq!(newton.convergence.iterations, 1);
        close("V by policies", newton.values[0], solution.values[0], 1e-11, 0.0);
    }
    let hard = loop_of(&[1.0, 0.0], 0.5).soft_value_iteration(0.0, 1e-15).unwrap();
    close("V", hard.values[0], 2.0, 0.0, 1e-15);
}

/// 3: no rewards.
#[test]
fn without_rewards_entropy_is_all() {
    let solution =
        Tables::random(3, 5, 4).with_rewards(|_| 0.0).mdp(0.9).soft_value_iteration(0.5, 1e-12).unwrap();
    for value in &solution.values {
        assert!((value - 6.931472).abs() < 5e-7);
    }
    all_close("π", &solution.policy, &[0.25; 20], 1e-13);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// 4 to 7: bounds, shift, scale; both iterations and the linear system agree.
    #[test]
    fn laws(
        seed in 0..10_000_u64, states in 1..7_usize, actions in 1..5_usize,
        alpha in 0.05..3.0_f64, discount in 0.0..0.95_f64, shift in -5.0..5.0_f64, scale in 0.1..20.0_f64,
    ) {
        let tables = Tables::random(seed, states, actions);
        let mdp = tables.mdp(discount);
        let tolerance = 1e-11;
        let soft = mdp.soft_value_iteration(alpha, tolerance).unwrap();
        let hard = mdp.soft_value_iteration(0.0, tolerance).unwrap();
        let surplus = alpha * (actions as f64).ln() / (1.0 - discount);
        for (soft, hard) in soft.values.iter().zip(&hard.values) {
            prop_assert!(*soft >= hard - 1e-10 && *soft <= hard + surplus + 1e-10);
        }

        let shifted = tables.with_rewards(|r| r + shift).mdp(discount).soft_value_iteration(alpha, tolerance).unwrap();
        let moved: Vec<f64> = soft.values.iter().map(|v| v + shift / (1.0 - discount)).collect();
        all_close("shifted V", &shifted.values, &moved, 1e-9);
        all_close("shifted π", &shifted.policy, &soft.policy, 1e-8);

        let scaled =
            tables.with_rewards(|r| scale * r).mdp(discount).soft_value_iteration(scale * alpha, tolerance).unwrap();
        let larger: Vec<f64> = soft.values.iter().map(|v| scale * v).collect();
        all_close("scaled V", &scaled.values, &larger, 1e-9);
        all_close("scaled π", &scaled.policy, &soft.policy, 1e-8);

        let by_policies = mdp.soft_policy_iteration(alpha, 1e-10).unwrap();
        all_close("policy iteration", &by_policies.values, &soft.values, 1e-9);
        let evaluated = mdp.soft_policy_values(alpha, &soft.policy).unwrap();
        all_close("evaluation", &evaluated, &soft.values, 1e-9);
        // π = exp((Q - V)/α)
        for (at, p) in soft.policy.iter().enumerate() {
            let expected = ((soft.action_values[at] - soft.values[at / actions]) / alpha).exp();
            close("π", *p, expected, 1e-9, 1e-9);
        }
    }

    #[test]
    fn policies_improve_and_evaluation_is_a_fixed_point(
        seed in 0..10_000_u64, alpha in 0.0..2.0_f64, discount in 0.0..0.97_f64
    ) {
        let mdp = Tables::random(seed, 6, 3).mdp(discount);
        let mut random = Pcg64::seed_from_u64(seed);
        let mut policy = random_policy(&mut random, &mdp);
        let mut values = mdp.soft_policy_values(alpha, &policy).unwrap();
        for _ in 0..5 {
            // V = Σ π·(Q - α·ln π)
            let q = mdp.action_values(&values).unwrap();
            for (state, value) in values.iter().enumerate() {
                let terms = (3 * state..3 * state + 3).filter(|&at| policy[at] > 0.0);
                let expected: f64 = terms.map(|at| policy[at] * (q[at] - alpha * policy[at].ln())).sum();
                close("V", *value, expected, 1e-11, 1e-11);
            }
            policy = mdp.soft_policy(alpha, &values).unwrap();
            let better = mdp.soft_policy_values(alpha, &policy).unwrap();
            for (better, value) in better.iter().zip(&values) {
                prop_assert!(*better >= value - 1e-10);
            }
            values = better;
        }
    }

    #[test]
    fn backups_contract_and_the_bound_holds(seed in 0..10_000_u64, alpha in 0.01..2.0_f64, discount in 0.0..0.95_f64) {
        let mdp = Tables::random(seed, 5, 3).mdp(discount);
        let mut random = Pcg64::seed_from_u64(seed);
        let mut draw = || -> Vec<f64> { (0..5).map(|_| 10.0 * random.random::<f64>()).collect() };
        let (v, w) = (draw(), draw());
        let gap = |v: &[f64], w: &[f64]| v.iter().zip(w).map(|(v, w)| (v - w).abs()).fold(0.0, f64::max);
        let (tv, tw) = (mdp.soft_backup(alpha, &v).unwrap(), mdp.soft_backup(alpha, &w).unwrap());
        prop_assert!(gap(&tv, &tw) <= discount * gap(&v, &w) + 1e-13);

        let exact = mdp.soft_policy_iteration(alpha, 1e-10).unwrap();
        let rough = mdp.soft_value_iteration(alpha, 0.1).unwrap();
        prop_assert!(rough.convergence.bound <= 0.1 + 1e-12);
        prop_assert!(gap(&rough.values, &exact.values) <= rough.convergence.bound + 1e-9);
    }

    /// The guarantee is the least that a policy earns over the set of rewards.
    #[test]
    fn no_allowed_rewards_earn_less_than_the_guarantee(
        seed in 0..10_000_u64, alpha in 0.05..2.0_f64, discount in 0.0..0.95_f64, size in 0.0..3.0_f64
    ) {
        let tables = Tables::random(seed, 5, 3);
        let is_end: Vec<bool> = (0..5).map(|state| state == 4 && seed % 2 == 0).collect();
        let mdp = tables.mdp(discount).with_terminal(&is_end).unwrap();
        let mut random = Pcg64::seed_from_u64(seed);
        let policy = random_policy(&mut random, &mdp);
        let start = softmax(&[0.0, 1.0, 2.0, 0.5, 0.3]);
        let worst = mdp.worst_rewards(alpha, &policy).unwrap();
        let at = mdp.reward_robustness(alpha, &policy, &start, &worst).unwrap();
        close("constraint", at.constraint, 0.0, 0.0, 1e-12);
        close("attained", at.value, at.guarantee, 1e-11, 1e-11);
        let values = mdp.soft_policy_values(alpha, &policy).unwrap();
        let mean: f64 = values.iter().zip(&start).map(|(v, p)| v * p).sum();
        close("guarantee", at.guarantee, mean, 1e-14, 0.0);
        for _ in 0..20 {
            // Around the worst, as far as the constraint allows: log-sum-exp takes off a constant in each state.
            let mut other: Vec<f64> = worst.iter().map(|r| r + size * (2.0 * random.random::<f64>() - 1.0)).collect();
            for (state, other) in other.chunks_mut(3).enumerate() {
                let gain: Vec<f64> = other.iter().zip(&tables.rewards[3 * state..]).map(|(o, r)| r - o).collect();
                let excess = log_sum_exp(&gain, alpha);
                other.iter_mut().for_each(|r| *r += excess);
            }
            let other = mdp.reward_robustness(alpha, &policy, &start, &other).unwrap();
            close("constraint", other.constraint, 0.0, 0.0, 1e-11);
            prop_assert!(other.value >= other.guarantee - 1e-11);
            // Any rewards: no less than the guarantee less the constraint.
            let any: Vec<f64> = (0..15).map(|_| 4.0 * random.random::<f64>() - 2.0).collect();
            let any = mdp.reward_robustness(alpha, &policy, &start, &any).unwrap();
            prop_assert!(any.value >= any.guarantee - any.constraint - 1e-11);
        }
    }

    #[test]
    fn extremes_stay_finite(
        power in -12.0..12.0_f64,
        size in prop::sample::select(vec![1e-300, 1.0, 1e100, 1e290]),
        states in 1..5_usize,
    ) {
        let alpha = 10_f64.powf(power);
        let mdp = Tables::random(1, states, 3).with_rewards(|r| size * r).mdp(0.9);
        let values = mdp.soft_backup(alpha, &vec![-size; states]).unwrap();
        prop_assert!(values.iter().all(|value| value.is_finite()));
        let policy = mdp.soft_policy(alpha, &values).unwrap();
        prop_assert!(policy.iter().all(|p| (0.0..=1.0).contains(p)));
        let values = mdp.soft_policy_values(alpha, &policy).unwrap();
        prop_assert!(values.iter().all(|value| value.is_finite()));
    }
}

/// All action sequences of length 3 from state 0, with their rewards and their probability under the stages'
/// policies, in a process whose transitions `follow` says.
fn paths(
    tables: &Tables,
    stages: &[SoftStage],
    follow: &dyn Fn(usize, usize) -> Vec<(usize, f64)>,
) -> Vec<(f64, f64)> {
    let mut open = vec![(0, 0.0, 1.0)];
    for stage in stages {
        let mut next = Vec::new();
        for (state, sum, probability) in open {
            for action in 0..tables.actions {
                let at = state * tables.actions + action;
                for (to, chance) in follow(state, action) {
                    next.push((to, sum + tables.rewards[at], probability * stage.policy[at] * chance));
                }
            }
        }
        open = next;
    }
    open.into_iter().map(|(_, sum, probability)| (sum, probability)).collect()
}

/// The largest distance of a probability from exp(R/α) divided by its sum, times the chance of the
/// transitions if given.
fn gibbs_error(paths: &[(f64, f64)], alpha: f64) -> f64 {
    let weights: Vec<f64> = paths.iter().map(|(sum, _)| (sum / alpha).exp()).collect();
    let sum: f64 = weights.iter().sum();
    paths.iter().zip(&weights).map(|((_, p), w)| (p - w / sum).abs()).fold(0.0, f64::max)
}

/// 8: with deterministic dynamics the optimum draws trajectories by exp(R/α); with random ones it does not.
#[test]
fn trajectories_are_gibbs_if_nothing_else_is_random() {
    let (alpha, horizon) = (0.7, 3);
    let mut tables = Tables::random(8, 4, 3);
    let next = |state: usize, action: usize| (state + 2 * action + 1) % 4;
    tables.transitions = vec![0.0; 4 * 3 * 4];
    for (state, action) in (0..4).flat_map(|state| (0..3).map(move |action| (state, action))) {
        tables.transitions[(3 * state + action) * 4 + next(state, action)] = 1.0;
    }
    let stages = tables.mdp(1.0).soft_backward_induction(alpha, horizon).unwrap();
    let certain = paths(&tables, &stages, &|state, action| vec![(next(state, action), 1.0)]);
    assert_eq!(certain.len(), 27);
    assert!(gibbs_error(&certain, alpha) < 1e-15);
    let log_sum = log_sum_exp(&certain.iter().map(|(sum, _)| *sum).collect::<Vec<_>>(), alpha);
    close("V", stages[0].values[0], log_sum, 1e-14, 0.0);

    let tables = Tables::random(8, 4, 3);
    let mdp = tables.mdp(1.0);
    let stages = mdp.soft_backward_induction(alpha, horizon).unwrap();
    // Given the states on the way, exp(R/α) times the chances of the transitions would have to be the probability.
    let chances: Vec<SoftStage> =
        stages.iter().map(|stage| SoftStage { policy: vec![1.0; 12], ..stage.clone() }).collect();
    let follow = |state: usize, action: usize| mdp.successors(state, action).to_vec();
    let random = paths(&tables, &stages, &follow);
    close("all", random.iter().map(|(_, p)| p).sum(), 1.0, 1e-13, 0.0);
    let weights: Vec<f64> =
        paths(&tables, &chances, &follow).iter().map(|(sum, chance)| chance * (sum / alpha).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let error = random.iter().zip(&weights).map(|((_, p), w)| (p - w / sum).abs() / p).fold(0.0, f64::max);
    assert!(error > 0.05, "{error}");
}

/// A corridor of three cells, whose last one is terminal: α·ln 2 is earned until it is reached.
#[test]
fn nothing_is_earned_in_terminal_states() {
    let transitions =
        [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0];
    let rewards = [0.0, 0.0, 1.0, 1.0, 7.0, 7.0];
    let mdp = FiniteMdp::new(3, 2, &rewards, &transitions, 0.5)
        .unwrap()
        .with_terminal(&[false, false, true])
        .unwrap();
    let gain = 0.3 * 2_f64.ln();
    let expected = [gain + 0.5 * (1.0 + gain), 1.0 + gain, 0.0];
    all_close("V", &mdp.soft_value_iteration(0.3, 1e-14).unwrap().values, &expected, 1e-14);
    let solution = mdp.soft_policy_iteration(0.3, 1e-14).unwrap();
    all_close("V", &solution.values, &expected, 1e-14);
    assert_eq!(solution.action_values[4..], [0.0, 0.0]);
    let stages = mdp.soft_backward_induction(0.3, 5).unwrap();
    all_close("V", &stages[0].values, &expected, 1e-14);
    assert_eq!(stages.len(), 5);
    // What the caller says of a terminal state's value does not count.
    all_close("T", &mdp.soft_backup(0.3, &[0.0, 0.0, 99.0]).unwrap(), &[gain, 1.0 + gain, 0.0], 1e-15);
}

#[test]
fn an_action_that_cannot_be_taken_is_not_there() {
    let transitions = [0.0, 1.0, f64::NAN, f64::NAN, 1.0, 0.0, 0.5, 0.5];
    let mdp = FiniteMdp::new(2, 2, &[1.0, -INF, 0.0, 0.5], &transitions, 0.9).unwrap();
    assert!(mdp.successors(0, 1).is_empty());
    assert_eq!(mdp.successors(1, 1), [(0, 0.5), (1, 0.5)]);
    let solution = mdp.soft_value_iteration(0.4, 1e-11).unwrap();
    assert_eq!((solution.policy[0], solution.policy[1], solution.action_values[1]), (1.0, 0.0, -INF));
    close("V", solution.values[0], 1.0 + 0.9 * solution.values[1], 1e-11, 0.0);
    all_close("V", &mdp.soft_policy_values(0.4, &solution.policy).unwrap(), &solution.values, 1e-10);
    let worst = mdp.worst_rewards(0.4, &solution.policy).unwrap();
    let robustness = mdp.reward_robustness(0.4, &solution.policy, &[1.0, 0.0], &worst).unwrap();
    close("guarantee", robustness.value, robustness.guarantee, 1e-13, 0.0);
    assert_eq!(
        text(mdp.soft_policy_values(0.4, &[0.5, 0.5, 1.0, 0.0])),
        "probability of the policy in state 0 is 0.5 at column 1 (counted from 0); expected 0 for an action that cannot be \
         taken"
    );
    assert_eq!(
        text(mdp.next_state(0, 1, 0.5)),
        "action in state 0 is 1; expected an action that can be taken"
    );
    assert_eq!([0.0, 0.49, 0.5, 0.99].map(|uniform| mdp.next_state(1, 1, uniform).unwrap()), [0, 0, 1, 1]);
}

#[test]
fn refusals_of_tables() {
    let new =
        |rewards: &[f64], transitions: &[f64], discount| FiniteMdp::new(2, 1, rewards, transitions, discount);
    let (rewards, stay) = ([0.0, 0.0], [1.0, 0.0, 0.0, 1.0]);
    assert_eq!(
        text(FiniteMdp::new(0, 2, &[], &[], 0.9)),
        "number of states and actions is 0 × 2; expected at least 1 × 1"
    );
    assert_eq!(text(new(&[0.0], &stay, 0.9)), "length of the rewards is 1; expected 2");
    assert_eq!(text(new(&rewards, &[1.0], 0.9)), "length of the transitions is 1; expected 4");
    assert_eq!(text(new(&rewards, &stay, f64::NAN)), "discount is NaN; expected a number from 0 to 1");
    assert_eq!(
        text(new(&[0.0, INF], &stay, 0.9)),
        "reward of action 0 in state 1 is inf; expected a finite number or -inf"
    );
    assert_eq!(
        text(new(&[0.0, -INF], &stay, 0.9)),
        "reward of every action in state 1 is -inf; expected an action that can be taken"
    );
    assert_eq!(
        text(new(&rewards, &[1.0, 0.0, 1.5, -0.5], 0.9)),
        "probability from state 1 by action 0 is 1.5 at column 0 (counted from 0); expected a number from 0 to 1"
    );
    assert_eq!(
        text(new(&rewards, &[1.0, f64::NAN, 0.0, 1.0], 0.9)),
        "probability from state 0 by action 0 is NaN at column 1 (counted from 0); expected a number from 0 to 1"
    );
    assert_eq!(
        text(new(&rewards, &[1.0, 0.0, 0.5, 0.25], 0.9)),
        "sum of the probabilities from state 1 by action 0 is 0.75; expected 1 within 1e-9"
    );
    let mdp = new(&rewards, &stay, 0.9).unwrap();
    assert_eq!(text(mdp.with_terminal(&[true])), "length of the terminal states is 1; expected 2");
}

#[test]
fn refusals_of_iterations() {
    let mdp = loop_of(&[1.0, 0.0], 0.9);
    assert_eq!(
        text(mdp.soft_value_iteration(-0.1, 1e-9)),
        "entropy temperature is -0.1; expected 0, or a number from 1e-30 to 1e30"
    );
    assert_eq!(text(mdp.soft_value_iteration(0.1, 0.0)), "tolerance is 0; expected a number above 0");
    assert_eq!(
        text(loop_of(&[1.0], 1.0).soft_policy_values(0.1, &[1.0])),
        "discount is 1; expected a number below 1, as time has no end"
    );
    assert_eq!(text(mdp.soft_backup(0.1, &[])), "length of the values of the states is 0; expected 1");
    assert_eq!(text(mdp.soft_backup(0.1, &[INF])), "value of state 0 is inf; expected a finite number");
    assert_eq!(
        text(mdp.soft_policy_values(0.1, &[0.5, 0.4])),
        "sum of the probabilities of the policy in state 0 is 0.9; expected 1 within 1e-9"
    );
    assert_eq!(
        text(mdp.reward_robustness(0.1, &[0.5, 0.5], &[1.0], &[0.0, f64::NAN])),
        "other reward of action 1 in state 0 is NaN; expected a finite number, or +inf where the policy has probability 0"
    );
    let error = Tables::random(2, 6, 3).mdp(0.99).soft_policy_iteration(0.1, 1e-300).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConverged);
    assert_eq!(error.what(), "bound on the distance to the optimum");
    assert!((1e-300..1e-10).contains(&error.value().parse().unwrap()));
    assert_eq!(error.expected(), "at most the tolerance 1e-300, which rounding may keep out of reach");
}
