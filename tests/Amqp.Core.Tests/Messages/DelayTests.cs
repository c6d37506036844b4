using AMQP.Net;
using Amqp.Core.Messages;

namespace Amqp.Core.Tests.Messages;

public class DelayTests
{
    private static readonly (FieldValue Value, long Ms)[] Asked =
    [
        (FieldValue.From(500), 500), (FieldValue.From(5_000_000_000L), 5_000_000_000), (FieldValue.From((short)7), 7), (FieldValue.From((byte)200), 200),
        (FieldValue.From(1.9), 1), (FieldValue.From(2.5f), 2), (FieldValue.From("250"), 250), (FieldValue.From("+250"), 250),
        (FieldValue.From(0), 0), (FieldValue.From(-500), 0), (FieldValue.From("-1"), 0), (FieldValue.Void, 0),
        (FieldValue.From(Limits.TimeToLiveMs), Limits.TimeToLiveMs),
    ];

    private static readonly FieldValue[] Meaningless =
    [
        FieldValue.From("soon"), FieldValue.From(""), FieldValue.From("5s"), FieldValue.From("1.5"), FieldValue.From(" 1"), FieldValue.From("99999999999999999999"),
        FieldValue.From(true), FieldValue.From(FieldTable.Empty), FieldValue.Timestamp(5), FieldValue.From(double.NaN), FieldValue.From(1e300),
        FieldValue.From(Limits.TimeToLiveMs + 1),
    ];

    [TestCaseSource(nameof(Asked))]
    public void A_delay_is_a_number_or_digits((FieldValue Value, long Ms) asked)
    {
        var headers = FieldTable.From(("x-delay", asked.Value));
        Assert.That(Delay.Check(headers, out var isAsked), Is.Null);
        Assert.That((isAsked, Delay.Ms(headers, DelayLevels.Default)), Is.EqualTo((asked.Ms > 0, asked.Ms)));
    }

    [TestCaseSource(nameof(Meaningless))]
    public void Anything_else_is_refused(FieldValue value) =>
        Assert.That(Delay.Check(FieldTable.From(("x-delay", value)), out _)?.Text, Does.StartWith("invalid x-delay '").And.EndsWith("milliseconds up to 315360000000"));

    [TestCase(1, 1_000)]
    [TestCase(2, 5_000)]
    [TestCase(18, 7_200_000)]
    [TestCase(19, 7_200_000)]
    [TestCase(0, 0)]
    [TestCase(-1, 0)]
    public void A_level_stands_for_a_time(int level, long ms) =>
        Assert.That(Delay.Ms(FieldTable.From(("x-delay-level", FieldValue.From(level))), DelayLevels.Default), Is.EqualTo(ms));

    [Test]
    public void A_time_goes_before_a_level() =>
        Assert.That(Delay.Ms(FieldTable.From(("x-delay-level", FieldValue.From(2)), ("x-delay", FieldValue.From("7"))), DelayLevels.Default), Is.EqualTo(7));

    [Test]
    public void What_has_waited_does_not_wait_again()
    {
        var headers = Delay.Done(FieldTable.From(("a", FieldValue.From(1)), ("x-delay", FieldValue.From("7")), ("x-delay-level", FieldValue.From(2))));
        Assert.That(headers, Is.EqualTo(FieldTable.From(("a", FieldValue.From(1)), ("x-delay", FieldValue.From(-7L)), ("x-delay-level", FieldValue.From(-2L)))));
        Assert.That((Delay.Check(headers, out var isAsked), isAsked), Is.EqualTo(((object?)null, false)));
    }

    [TestCase("1s", 1_000)]
    [TestCase("2m 1s", 120_000)]
    [TestCase("  1h ", 3_600_000)]
    [TestCase("3650d", 315_360_000_000)]
    public void Levels_are_times(string text, long first) => Assert.That(DelayLevels.Parse(text)!.Ms(1), Is.EqualTo(first));

    [TestCase("")]
    [TestCase("s")]
    [TestCase("0s")]
    [TestCase("1")]
    [TestCase("1x")]
    [TestCase("-1s")]
    [TestCase("1s,2s")]
    [TestCase("3651d")]
    [TestCase("99999999999999999999d")]
    public void Other_texts_are_no_levels(string text) => Assert.That(DelayLevels.Parse(text), Is.Null);
}
