//! The input `max-missing-keys`.

use super::*;

// ------------------------------------------------------------------------------------------------------- the input

#[test]
fn bad_limits_name_their_value() {
    let rows = [
        "-1", "-5%", "ten", "%", "1e3", "nan%", "on", "true", "5 keys", "1.5", "0x10", "5%%",
        "10%5", "--",
    ];
    each(
        &rows,
        |row| (*row).to_owned(),
        |value| {
            let cloud = FakeCloud::start().life(life("d10/10"));
            let run = Sandbox::waiting_on(&cloud)
                .set("DCS_MAX_MISSING_KEYS", value)
                .run();
            run.ended("invalid-input", 2)
                .says(&["max-missing-keys", value]);
            assert_eq!(cloud.requests().len(), 0);
        },
    );
}

#[test]
fn the_limit_comes_from_each_place() {
    let run = |change: fn(Sandbox) -> Sandbox| {
        let cloud = FakeCloud::start().life(life("d100/0"));
        change(Sandbox::waiting_on(&cloud)).run()
    };
    run(|sandbox| sandbox).ended("failed", 3);
    run(|sandbox| sandbox.set("DCS_MAX_MISSING_KEYS", "100")).ended("completed", 0);
    run(|sandbox| sandbox.set("INPUT_MAX-MISSING-KEYS", "100")).ended("completed", 0);
    run(|sandbox| sandbox.set("INPUT_MAX_MISSING_KEYS", "100%")).ended("completed", 0);
    run(|sandbox| sandbox.args(&["--max-missing-keys", "Off"])).ended("completed", 0);
    run(|sandbox| {
        sandbox
            .args(&["--max-missing-keys", "99"])
            .set("DCS_MAX_MISSING_KEYS", "off")
    })
    .ended("failed", 3);
    // Empty is not set.
    run(|sandbox| sandbox.set("DCS_MAX_MISSING_KEYS", " ")).ended("failed", 3);
}

#[test]
fn huge_counts_end_in_order() {
    let rows = [
        "d9223372036854775807/-9223372036854775808",
        "d-9223372036854775808/9223372036854775807",
        "d-1/-1",
    ];
    each(
        &rows,
        |row| (*row).to_owned(),
        |text| {
            let cloud = FakeCloud::start().life(life(text));
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[("DCS_TIMEOUT", "1s"), ("DCS_MAX_OUTAGE", "800ms")])
                .run();
            assert_ne!(run.code, 1, "{}", run.transcript());
            run.holds_together();
        },
    );
}
