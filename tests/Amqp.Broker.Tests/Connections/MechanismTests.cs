using AMQP.Net;
using Amqp.Broker.Connections;
using Amqp.Broker.Security;
using Amqp.Broker.Tests.Nodes;

namespace Amqp.Broker.Tests.Connections;

/// <summary>Which SASL mechanisms a client can use: those that are switched on.</summary>
internal sealed class MechanismTests
{
    [TestCase("PLAIN,AMQPLAIN", true, ExpectedResult = "AMQPLAIN PLAIN")]
    [TestCase("PLAIN,AMQPLAIN,EXTERNAL", true, ExpectedResult = "AMQPLAIN EXTERNAL PLAIN")]
    [TestCase("PLAIN,AMQPLAIN,EXTERNAL", false, ExpectedResult = "AMQPLAIN PLAIN")]
    [TestCase("EXTERNAL", true, ExpectedResult = "EXTERNAL")]
    [TestCase("EXTERNAL", false, ExpectedResult = "")]
    public string Offered(string switchedOn, bool asksForCertificate) =>
        new LoginRules(new HashSet<string>(), switchedOn.Split(',').ToHashSet())
            .Offered(new Transport(Pipe: null!, "test", "127.0.0.1", IsLoopback: true, () => { }) { AsksForCertificate = asksForCertificate });

    [TestCase("AMQPLAIN")]
    [TestCase("EXTERNAL")]
    public async Task One_that_is_not_switched_on_is_as_good_as_unknown(string mechanism)
    {
        var client = new TestNode().Dial();
        await client.SendBytes(ProtocolHeader.Bytes.ToArray());
        Assert.That((await client.Expect<ConnectionStart>(0)).Mechanisms, Is.EqualTo("PLAIN"), "all that the test's node has");
        await client.Send(0, new ConnectionStartOk(FieldTable.Empty, mechanism, [], "en_US"));
        Assert.That((await client.Expect<ConnectionClose>(0)).ReplyText, Is.EqualTo($"COMMAND_INVALID - unknown authentication mechanism '{mechanism}'"));
    }
}
