//! The demonstrations: what is exact in them by hand and by laws, what is drawn in quick forms.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use temperance::ErrorKind;
use temperance::fold::Progress;
use temperance_rl::demonstration::{
    bandit, certificate, corridor, mountain_car, multi_goal, obstacle, pendulum, target_entropy,
};

#[test]
fn a_corridor_without_entropy_ends_at_the_small_reward_and_annealed_entropy_finds_the_large_one() {
    let setup = corridor::Setup { alphas: vec![0.0, 0.5, 2.0], seeds: 60, ..corridor::Setup::default() };
    let findings = setup.run(&()).unwrap();
    let ends = |annealed: bool, alpha: f64| {
        *findings.ends.iter().find(|ends| ends.annealed == annealed && ends.alpha == alpha).unwrap()
    };
    assert_eq!(findings.ends.len(), 6);
    assert!(findings.ends.iter().all(|ends| ends.large + ends.small + ends.nowhere == 60));
    // Without entropy at most 5 % get to the large reward; with annealed entropy at least half.
    assert!(ends(true, 0.0).large <= 3 && ends(true, 0.0).small >= 57, "{:?}", ends(true, 0.0));
    assert!(ends(true, 0.5).large >= 30, "{:?}", ends(true, 0.5));
    // α = 0 is the same constant and annealed.
    assert_eq!(corridor::Ends { annealed: true, ..ends(false, 0.0) }, ends(true, 0.0));
    // Too much that never falls: no run commits itself.
    assert_eq!(ends(false, 2.0).nowhere, 60);
    // 10·0.03/ln 2.
    assert!((findings.entropy_trap - 0.432_808_5).abs() < 1e-7);
}

/// Beside the last cell, in the corridor of cells 0 to 8, the exact optimum turns back when α is above the limit.
#[test]
fn the_predicted_limit_of_the_corridor_is_where_the_optimum_turns_back() {
    let findings = corridor::Setup { seeds: 0, ..corridor::Setup::default() }.run(&()).unwrap();
    let limit = findings.predicted_limit;
    // A life of pure entropy cannot be had near the ends: the limit lies above the trap.
    assert!(limit > findings.entropy_trap);
    // Plain soft value iteration: V(0) = V(8) = 0, rewards 1 and 10 into them.
    let goes_right = |alpha: f64| {
        let (gamma, mut values) = (0.97, [0.0_f64; 9]);
        let q = |values: &[f64; 9], cell: usize| {
            let reward =
                |next| [1.0, 10.0][usize::from(next == 8)] * f64::from(u8::from(next == 0 || next == 8));
            [cell - 1, cell + 1].map(|next| reward(next) + gamma * values[next])
        };
        for _ in 0..3000 {
            let last = values;
            for (cell, value) in values.iter_mut().enumerate().take(8).skip(1) {
                let [left, right] = q(&last, cell);
                let larger = left.max(right);
                *value = larger
                    + alpha * (((left - larger) / alpha).exp() + ((right - larger) / alpha).exp()).ln();
            }
        }
        (2..8).all(|cell| q(&values, cell)[1] > q(&values, cell)[0])
    };
    assert!(goes_right(limit * 0.999));
    assert!(!goes_right(limit * 1.001));
}

#[test]
fn a_bandit_leaves_the_wrong_arm_sooner_with_entropy() {
    let findings = bandit::Setup::quick().run(&()).unwrap();
    let steps: Vec<u64> = findings.times.iter().map(|time| time.steps.unwrap()).collect();
    assert_eq!(steps, [167, 1354, 12663, 106, 520, 3308, 56, 197, 1055]);
    // 1/(1 + e^-2) and 1/(1 + e^-0.5).
    let expected = [1.0, 0.880_797_1, 0.622_459_3];
    assert!(findings.limits.iter().zip(expected).all(|(limit, hand)| (limit - hand).abs() < 1e-7));
    let short = bandit::Setup { limit: 1000, ..bandit::Setup::quick() }.run(&()).unwrap();
    assert_eq!(short.times[1].steps, None);
}

#[test]
fn no_rewards_at_the_edge_of_the_set_pay_less_than_the_guarantee() {
    let findings = certificate::Setup::quick().run(&()).unwrap();
    assert!(findings.worst.margin.abs() < 1e-12);
    assert_eq!(findings.random.len(), 200);
    assert!(findings.random.iter().chain(&findings.line).all(|other| other.margin > -1e-12));
    // The line touches the guarantee at t = 1 and nowhere else.
    let touching: Vec<f64> =
        findings.line.iter().filter(|other| other.margin < 1e-9).map(|other| other.place).collect();
    assert_eq!(touching, [1.0]);
    // Small noise leaves little room, large noise much.
    let mean = |near: &dyn Fn(f64) -> bool| {
        let margins: Vec<f64> =
            findings.random.iter().filter(|other| near(other.place)).map(|other| other.margin).collect();
        margins.iter().sum::<f64>() / margins.len() as f64
    };
    assert!(mean(&|deviation| deviation < 0.01) < 0.01 * mean(&|deviation| deviation > 0.1));
}

#[test]
fn a_soft_policy_goes_around_an_obstacle_that_a_greedy_one_runs_into() {
    let findings = obstacle::Setup::quick().run(&()).unwrap();
    let case = |alpha: f64, obstacle: u64| {
        *findings.cases.iter().find(|case| case.alpha == alpha && case.obstacle == obstacle).unwrap()
    };
    // The straight way has 6 steps; the obstacle is in it.
    for alpha in [0.0, 0.3, 0.6] {
        assert_eq!(case(alpha, 0).greedy, obstacle::Walk { arrives: 1.0, steps: 6.0 });
        assert_eq!(case(alpha, 3).greedy, obstacle::Walk { arrives: 0.0, steps: 100.0 });
    }
    assert_eq!(case(0.0, 1).stochastic, case(0.0, 1).greedy);
    // At each α a larger obstacle is harder, and the free way is not shorter than 6 steps.
    for alphas in findings.cases.chunks(3) {
        assert!(alphas[0].stochastic.arrives >= alphas[1].stochastic.arrives);
        assert!(alphas[1].stochastic.arrives >= alphas[2].stochastic.arrives);
        assert!(alphas[0].stochastic.steps > 6.0 - 1e-9);
    }
    assert!(case(0.6, 3).stochastic.arrives > 0.98);
    // More entropy than a step costs, 1/ln 4 = 0.72: not even the free goal is worth it.
    assert!((findings.entropy_trap - 0.721_347_5).abs() < 1e-7);
    assert!(case(0.8, 0).stochastic.arrives < 1e-4);
}

#[test]
fn soft_value_iteration_keeps_four_goals_and_without_entropy_one() {
    let setup = multi_goal::Setup { alphas: vec![Some(0.0), Some(10.0)], seeds: 1, steps: 1000, walks: 400 };
    let findings = setup.run(&()).unwrap();
    assert_eq!(findings.cases.len(), 6);
    for case in &findings.cases {
        for walks in &case.walks {
            assert_eq!(walks.ends.iter().sum::<u64>(), 400);
            assert!((0.0..=4_f64.ln() + 1e-12).contains(&walks.entropy));
            assert!(walks.paths.iter().all(|path| path[0] == [0.0, 0.0] && path.len() <= 31));
        }
    }
    let optimum = |alpha: f64| {
        let is_it = |case: &&multi_goal::Case| {
            case.kind == multi_goal::Kind::SoftValueIteration && case.alpha == Some(alpha)
        };
        &findings.cases.iter().find(is_it).unwrap().walks[0]
    };
    assert_eq!((optimum(0.0).entropy, optimum(0.0).ends[4]), (0.0, 0));
    // Four steps of 30, over distances of 4, 3, 2 and 1, or arrived at less than 1: -30·5 - 16 - 9 - 4 - 1 + 10.
    assert!((optimum(0.0).mean_return + 170.0).abs() < 1e-4, "{}", optimum(0.0).mean_return);
    assert!(optimum(10.0).entropy > 1.35, "{}", optimum(10.0).entropy);
    assert_eq!(optimum(10.0).ends[4], 0);
}

#[test]
fn target_entropies_leave_what_the_bound_says() {
    let setup =
        target_entropy::Setup { seeds: 1, steps: 3000, episodes: 2, ..target_entropy::Setup::default() };
    let findings = setup.run(&()).unwrap();
    let bounds: Vec<f64> = findings.targets.iter().map(|target| target.largest_probability).collect();
    let expected = [0.583, 0.693, 0.811, 0.890];
    assert!(bounds.iter().zip(expected).all(|(bound, known)| (bound - known).abs() < 6e-4), "{bounds:?}");
    for target in &findings.targets {
        let moments = &target.runs[0].moments;
        assert_eq!(moments.last().unwrap().step, 3000);
        // Entropies are those of two actions.
        assert!(moments[10..].iter().all(|moment| moment.entropy > 0.0 && moment.entropy <= 2_f64.ln()));
    }
    // The higher the target, the higher the α that it ends with.
    let last = |target: &target_entropy::Target| target.runs[0].moments.last().unwrap().alpha;
    assert!(findings.targets.windows(2).all(|pair| last(&pair[0]) > last(&pair[1])));
}

#[test]
fn a_pendulum_is_evaluated_where_it_changes() {
    let setup = pendulum::Setup {
        alphas: vec![Some(0.2), None],
        changes: vec![0.0, 0.5],
        seeds: 2,
        steps: 500,
        episodes: 2,
    };
    let findings = setup.run(&()).unwrap();
    assert_eq!(findings, setup.run(&()).unwrap());
    assert_eq!(findings.policies[0].last_alphas, [0.2, 0.2]);
    assert!(findings.policies[1].last_alphas.iter().all(|&alpha| alpha < 1.0));
    for policies in &findings.policies {
        let unchanged: Vec<&pendulum::Returns> =
            policies.returns.iter().filter(|returns| returns.change == 0.0).collect();
        // Unchanged is the same task whichever parameter it is.
        assert_eq!(unchanged.len(), 3);
        assert!(unchanged.iter().all(|returns| returns.deterministic == unchanged[0].deterministic));
        let heavier = policies.returns.iter().find(|r| r.parameter == "mass" && r.change == 0.5).unwrap();
        assert_ne!(heavier.deterministic, unchanged[0].deterministic);
    }
}

#[test]
fn a_mountain_car_that_never_saw_the_goal_says_so() {
    let setup = mountain_car::Setup { seeds: 1, steps: 128, episodes: 1 };
    let findings = setup.run(&()).unwrap();
    for (runs, way) in findings.ways.iter().zip(mountain_car::WAYS) {
        assert_eq!(runs.way, way);
        let run = &runs.runs[0];
        assert_eq!(run.first_goal.is_some(), run.goals > 0);
        assert!(run.goals <= run.trials);
    }
    let tuned = mountain_car::WAYS[4].settings();
    assert_eq!((tuned.alpha, tuned.sde, tuned.batch_size, tuned.train_every), (Some(0.1), true, 512, 32));
}

#[test]
fn an_observer_is_told_of_all_and_stops_it() {
    let (last, calls) = (AtomicU64::new(0), AtomicU64::new(0));
    let watch = |progress: Progress| {
        last.fetch_max(progress.rows, Ordering::Relaxed);
        calls.fetch_add(1, Ordering::Relaxed);
        assert_eq!(progress.total, Some(9));
        ControlFlow::Continue(())
    };
    bandit::Setup::quick().run(&watch).unwrap();
    assert_eq!((last.into_inner(), calls.into_inner()), (9, 9));

    let stop = |_: Progress| ControlFlow::Break(());
    let error = target_entropy::Setup::quick().run(&stop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(error.what(), "target entropy");
    let error = corridor::Setup { alphas: vec![-1.0], ..corridor::Setup::quick() }.run(&()).unwrap_err();
    assert_eq!(error.to_string(), "entropy temperature is -1; expected a finite number, 0 or above");
}
