namespace AMQP.Net.Tests;

internal sealed class MethodIdTests
{
    [Test]
    public void Every_method_has_golden_bytes() =>
        Assert.That(GoldenMethods.All.Select(golden => golden.Id).Distinct(), Is.EquivalentTo(Enum.GetValues<MethodId>()));

    [Test]
    public void Every_method_is_a_struct_of_the_name_of_its_number() =>
        Assert.That(GoldenMethods.All.Select(golden => golden.Method.GetType().Name), Is.EqualTo(GoldenMethods.All.Select(golden => golden.Id.ToString())));

    [TestCase(MethodId.BasicPublish, "basic.publish")]
    [TestCase(MethodId.ChannelOpen, "channel.open")]
    [TestCase(MethodId.ExchangeUnbindOk, "exchange.unbind-ok")]
    [TestCase(MethodId.BasicRecoverAsync, "basic.recover-async")]
    [TestCase(MethodId.ConnectionUpdateSecretOk, "connection.update-secret-ok")]
    [TestCase((MethodId)((60 << 16) | 99), "60.99")]
    public void A_method_is_called_as_in_the_specification(MethodId id, string name) => Assert.That(id.Name(), Is.EqualTo(name));

    [TestCase(MethodId.TxRollbackOk, true)]
    [TestCase((MethodId)0, false)]
    [TestCase((MethodId)((60 << 16) | 99), false)]
    [TestCase((MethodId)uint.MaxValue, false)]
    public void A_number_is_known_or_not(MethodId id, bool known) => Assert.That(id.IsKnown(), Is.EqualTo(known));

    [Test]
    public void Content_follows_four_methods() =>
        Assert.That(Enum.GetValues<MethodId>().Where(MethodIds.HasContent), Is.EquivalentTo(new[]
        {
            MethodId.BasicPublish, MethodId.BasicReturn, MethodId.BasicDeliver, MethodId.BasicGetOk,
        }));

    [Test]
    public void Every_reply_code_has_a_name() =>
        Assert.That(Enum.GetValues<ReplyCode>().Select(ReplyCodes.Name), Is.Unique.And.All.Match("^[A-Z_]+$"));

    [TestCase(ReplyCode.NotFound, false)]
    [TestCase(ReplyCode.PreconditionFailed, false)]
    [TestCase(ReplyCode.ConnectionForced, true)]
    [TestCase(ReplyCode.InvalidPath, true)]
    [TestCase(ReplyCode.FrameError, true)]
    public void A_code_closes_its_channel_or_the_connection(ReplyCode code, bool hard) => Assert.That(code.IsHard(), Is.EqualTo(hard));
}
