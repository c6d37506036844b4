namespace Amqp.Core.Tests;

public class DecimalDigitsTests
{
    [TestCase("0", 0)]
    [TestCase("007", 7)]
    [TestCase("9223372036854775807", long.MaxValue)]
    public void Digits_are_a_number(string text, long expected)
    {
        Assert.That(DecimalDigits.TryParse(text, out var number), Is.True);
        Assert.That(number, Is.EqualTo(expected));
    }

    [TestCase("")]
    [TestCase("5\0")]
    [TestCase("5 ")]
    [TestCase(" 5")]
    [TestCase("+5")]
    [TestCase("-5")]
    [TestCase("1,000")]
    [TestCase("1.0")]
    [TestCase("1e3")]
    [TestCase("٣")]
    [TestCase("9223372036854775808")]
    public void Anything_else_is_none(string text) => Assert.That(DecimalDigits.TryParse(text, out _), Is.False);
}
