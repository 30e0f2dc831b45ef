//! Schedules: their ends, their courses, warm-up, and what they refuse.

mod common;

use common::{close, text};
use proptest::prelude::*;
use temperance::loss::Schedule;

#[test]
fn courses_by_hand() {
    let constant = Schedule::constant(0.1).unwrap();
    assert_eq!([0, 1, u64::MAX].map(|step| constant.value_at(step)), [0.1; 3]);
    let linear = Schedule::linear(1.0, 3.0, 4).unwrap();
    assert_eq!([0, 1, 2, 3, 4, 5].map(|step| linear.value_at(step)), [1.0, 1.5, 2.0, 2.5, 3.0, 3.0]);
    let cosine = Schedule::cosine(1.0, 3.0, 4).unwrap();
    assert_eq!([0, 4, u64::MAX].map(|step| cosine.value_at(step)), [1.0, 3.0, 3.0]);
    close("half", cosine.value_at(2), 2.0, 1e-15, 0.0);
    close("quarter", cosine.value_at(1), 2.0 - 0.5_f64.sqrt(), 1e-15, 0.0);
    close("three quarters", cosine.value_at(3), 2.0 + 0.5_f64.sqrt(), 1e-15, 0.0);
    let late = linear.after_warmup(2).unwrap();
    assert_eq!([0, 1, 2, 3, 6, 7].map(|step| late.value_at(step)), [0.0, 0.5, 1.0, 1.5, 3.0, 3.0]);
    assert_eq!(late.after_warmup(4).unwrap().value_at(1), 0.25);
}

proptest! {
    #[test]
    fn ends_are_exact_and_values_lie_between(
        from in -1e308..1e308_f64,
        to in -1e308..1e308_f64,
        steps in 1..1000_u64,
        warmup in 1..100_u64,
        is_cosine: bool,
    ) {
        let course = if is_cosine { Schedule::cosine } else { Schedule::linear };
        let schedule = course(from, to, steps).unwrap();
        let (least, most) = (from.min(to), from.max(to));
        prop_assert_eq!(schedule.value_at(0), from);
        let slack = 1e-15 * least.abs().max(most.abs());
        for step in 0..steps {
            let value = schedule.value_at(step);
            prop_assert!(value >= least - slack && value <= most + slack);
        }
        prop_assert_eq!(schedule.value_at(steps), to);
        prop_assert_eq!(schedule.value_at(steps + 7), to);

        let late = schedule.after_warmup(warmup).unwrap();
        prop_assert_eq!(late.value_at(0), 0.0);
        prop_assert_eq!(late.value_at(warmup), from);
        prop_assert_eq!(late.value_at(warmup + steps), to);
        let saved = serde_json::to_string(&late).unwrap();
        prop_assert_eq!(serde_json::from_str::<Schedule>(&saved).unwrap(), late);
    }
}

#[test]
fn refusals_and_json() {
    assert_eq!(text(Schedule::constant(f64::NAN)), "value of the schedule is NaN; expected a finite number");
    assert_eq!(
        text(Schedule::linear(f64::INFINITY, 1.0, 3)),
        "first value of the schedule is inf; expected a finite number"
    );
    assert_eq!(
        text(Schedule::cosine(0.0, f64::NEG_INFINITY, 3)),
        "last value of the schedule is -inf; expected a finite number"
    );
    assert_eq!(
        text(Schedule::linear(0.0, 1.0, 0)),
        "number of steps of the schedule is 0; expected at least 1"
    );
    assert_eq!(
        text(Schedule::constant(0.1).unwrap().after_warmup(0)),
        "number of steps of the warm-up of the schedule is 0; expected at least 1"
    );
    let json = r#"{"warmup":10,"course":{"linear":{"from":0.0,"to":0.5,"steps":100}}}"#;
    let schedule = Schedule::linear(0.0, 0.5, 100).unwrap().after_warmup(10).unwrap();
    assert_eq!(serde_json::to_string(&schedule).unwrap(), json);
    let refused = |json: &str| serde_json::from_str::<Schedule>(json).unwrap_err().to_string();
    assert_eq!(
        refused(&json.replace("100", "0")),
        "number of steps of the schedule is 0; expected at least 1"
    );
    assert!(refused(&json.replace("warmup", "warm")).starts_with("unknown field `warm`"));
}
