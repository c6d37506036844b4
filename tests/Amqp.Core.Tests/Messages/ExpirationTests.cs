using Amqp.Core.Messages;

namespace Amqp.Core.Tests.Messages;

/// <summary>What RabbitMQ 3.10 takes and refuses; the conformance tests ask it again for the usual ones.</summary>
public class ExpirationTests
{
    [TestCase("0", 0)]
    [TestCase("-0", 0)]
    [TestCase("+0", 0)]
    [TestCase("-00", 0)]
    [TestCase("+5", 5)]
    [TestCase("007", 7)]
    [TestCase("000000000000000000000000000000060000", 60_000)]
    [TestCase("4294967295", 4_294_967_295)]
    [TestCase("4294967296", 4_294_967_296)]
    [TestCase("315360000000", 315_360_000_000)]
    [TestCase("+0315360000000", 315_360_000_000)]
    public void A_number_of_milliseconds_up_to_ten_years(string expiration, long expected)
    {
        Assert.That(Expiration.Parse(expiration, out var ms), Is.Null);
        Assert.That(ms, Is.EqualTo(expected));
    }

    [Test]
    public void None_is_none()
    {
        Assert.That(Expiration.Parse(null, out var ms), Is.Null);
        Assert.That(ms, Is.EqualTo(-1));
    }

    [TestCase("", "no_integer")]
    [TestCase("soon", "no_integer")]
    [TestCase("+", "no_integer")]
    [TestCase("-", "no_integer")]
    [TestCase("++5", "no_integer")]
    [TestCase("+-5", "no_integer")]
    [TestCase(" 5", "no_integer")]
    [TestCase("\05", "no_integer")]
    [TestCase("_5", "no_integer")]
    [TestCase("٣", "no_integer", Description = "a digit, but none of ASCII")]
    [TestCase("-1", "{value_negative,-1}")]
    [TestCase("-007", "{value_negative,-7}")]
    [TestCase("-99999999999999999999999", "{value_negative,-99999999999999999999999}")]
    [TestCase("315360000001", "{value_too_large,315360000001}")]
    [TestCase("+0315360000001", "{value_too_large,315360000001}")]
    [TestCase("9223372036854775808", "{value_too_large,9223372036854775808}")]
    [TestCase("99999999999999999999999", "{value_too_large,99999999999999999999999}")]
    [TestCase("10s", "{leftover_string,\"s\"}")]
    [TestCase("5 ", "{leftover_string,\" \"}")]
    [TestCase("5_000", "{leftover_string,\"_000\"}")]
    [TestCase("1.5", "{leftover_string,\".5\"}")]
    [TestCase("1e3", "{leftover_string,\"e3\"}")]
    [TestCase("0x10", "{leftover_string,\"x10\"}")]
    [TestCase("5+5", "{leftover_string,\"+5\"}")]
    [TestCase("5\0", "{leftover_string,[0]}")]
    [TestCase("5\0\0", "{leftover_string,[0,0]}")]
    [TestCase("5\u0001\"a", "{leftover_string,[1,34,97]}")]
    [TestCase("5\u007F", "{leftover_string,[127]}")]
    [TestCase("5\b\t\n\v\f\r\e", @"{leftover_string,""\b\t\n\v\f\r\e""}")]
    [TestCase("5\"\\", @"{leftover_string,""\""\\""}")]
    [TestCase("5é", "{leftover_string,\"é\"}")]
    [TestCase("5€", "{leftover_string,[226,130,172]}")]
    public void Anything_else_is_refused_with_RabbitMQs_reason(string expiration, string reason) =>
        Assert.That(Expiration.Parse(expiration, out _)?.Text, Is.EqualTo($"invalid expiration '{expiration}': {reason}"));

    [Test]
    public void Bytes_that_are_no_UTF8_are_printed_as_Latin_1()
    {
        Assert.That(Expiration.Parse("5\uDCE9", out _)?.Text, Does.EndWith(": {leftover_string,\"\uDCE9\"}"));
        Assert.That(Expiration.Parse("5\uDC80", out _)?.Text, Does.EndWith(": {leftover_string,[128]}"));
    }
}
