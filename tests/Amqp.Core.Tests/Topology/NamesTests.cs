using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Topology;

public class NamesTests
{
    [TestCase("orders", "orders")]
    [TestCase("or\r\nders\n", "orders")]
    [TestCase("\r", "")]
    public void Line_ends_are_taken_out(string name, string stripped) => Assert.That(Names.Strip(name), Is.EqualTo(stripped));

    [TestCase("amq.x", true)]
    [TestCase("amq.", true)]
    [TestCase("amqp", false)]
    [TestCase("AMQ.x", false)]
    public void Names_with_the_prefix_belong_to_the_broker(string name, bool reserved) =>
        Assert.That(Names.IsReserved(name), Is.EqualTo(reserved));

    [Test]
    public void Generated_names_are_a_prefix_and_22_characters()
    {
        var random = Convert.FromHexString("fbff00112233445566778899aabbccdd");
        Assert.That(Names.GeneratedQueueName(random), Is.EqualTo("amq.gen--_8AESIzRFVmd4iZqrvM3Q"));
        Assert.That(Names.GeneratedConsumerTag(random), Is.EqualTo("amq.ctag--_8AESIzRFVmd4iZqrvM3Q"));
    }
}
