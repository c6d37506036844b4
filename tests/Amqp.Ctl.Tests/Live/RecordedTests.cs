using System.Text;
using System.Text.RegularExpressions;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Ctl.Tests.Live;

/// <summary>
/// What RabbitMQ's own rabbitmqctl (3.10.8 of Debian) said is in the folder Recorded, one file a story: each command, what it
/// printed (lines of the error stream behind a !), and its exit code. Ours must say the same. To record anew, or to prove the
/// files right without <c>AMQP_CTL_RECORD</c>:
/// <code>tests/oracle/start.sh; AMQP_TEST_ORACLE=127.0.0.1:5673 AMQP_CTL_RECORD=1 dotnet test tests/Amqp.Ctl.Tests -c Release --filter RecordedTests</code>
/// Commands that 3.13 answers otherwise than 3.10 are not in there.
/// </summary>
[Same]
public sealed partial class RecordedTests
{
    private const string PromptOfRecord = "$ ";
    private static readonly bool IsRecording = Environment.GetEnvironmentVariable("AMQP_CTL_RECORD") == "1";

    [TestCase("users")]
    [TestCase("vhosts")]
    [TestCase("permissions")]
    [TestCase("limits")]
    [TestCase("clients")]
    [TestCase("policies")]
    [TestCase("node")]
    public async Task The_tool_says_what_rabbitmqctl_says(string story)
    {
        await using var broker = Oracle.IsUsed ? null : await TestBroker.Start("--Node:Name=node@localhost");
        await using var client = story is "clients" or "policies" ? await Client(Oracle.Address?.Port ?? broker!.Port) : null;
        var path = Repository.PathOf("tests", "Amqp.Ctl.Tests", "Recorded", $"{story}.txt");
        var recorded = new StringBuilder();
        foreach (var (command, expected) in Entries(await File.ReadAllTextAsync(path)))
        {
            var result = await Tool.Run(Tool.Rabbitmqctl, Tool.Words(command), environment: broker is null ? null : Tool.BrokerIn(broker.Directory));
            var said = Comparable(command, result);
            recorded.Append(PromptOfRecord).Append(command).Append('\n').Append(said).Append('\n');
            if (!IsRecording) Assert.That(said, Is.EqualTo(expected), command);
        }
        if (IsRecording) await File.WriteAllTextAsync(path, recorded.ToString());
    }

    private static IEnumerable<(string Command, string Expected)> Entries(string record) =>
        from entry in ("\n" + record).Split($"\n{PromptOfRecord}").Skip(1)
        let end = entry.IndexOf('\n', StringComparison.Ordinal)
        select end < 0 ? (entry, "") : (entry[..end], entry[(end + 1)..].TrimEnd('\n'));

    /// <summary>Without what differs from run to run; rows of listings in order, which have none in RabbitMQ.</summary>
    private static string Comparable(string command, ToolResult result)
    {
        var output = Neutral(result.Output).Split('\n')[..^1];
        if (command.Contains("list_", StringComparison.Ordinal) && output.Length > 1)
        {
            var head = output.TakeWhile(line => line.EndsWith("...", StringComparison.Ordinal)).Count();
            output = [.. output.Take(head), .. output.Skip(head).Select(line => line.TrimStart(',')).Order(StringComparer.Ordinal)];
        }
        var error = Neutral(result.Error).TrimEnd('\n');
        return string.Join('\n', [.. output, .. error.Length == 0 ? [] : error.Split('\n').Select(line => $"! {line}".TrimEnd()), $"[{result.Code}]"]);
    }

    private static string Neutral(string text)
    {
        text = Bold().Replace(LogLine().Replace(text, ""), "");
        text = Pid().Replace(text, "<pid>");
        text = NodeName().Replace(text, "node@localhost");
        return PortNumber().Replace(text, "127.0.0.1:port");
    }

    /// <summary>One of everything that listings show.</summary>
    private static async Task<IConnection> Client(int port)
    {
        var connection = await new ConnectionFactory { HostName = "127.0.0.1", Port = port, AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        await channel.QueueDeclareAsync("orders", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-message-ttl"] = 3_600_000, ["x-expires"] = 7_200_000 });
        await channel.QueueDeclareAsync("plain", durable: false, exclusive: false, autoDelete: false);
        await channel.QueueDeclareAsync("mine", durable: false, exclusive: true, autoDelete: true);
        await channel.ExchangeDeclareAsync("shop", "topic", durable: true, autoDelete: false, new Dictionary<string, object?> { ["alternate-exchange"] = "amq.fanout" });
        await channel.ExchangeDeclareAsync("inner", "headers", durable: false, autoDelete: true);
        await channel.QueueBindAsync("orders", "shop", "order.#");
        await channel.QueueBindAsync("plain", "amq.headers", "", new Dictionary<string, object?> { ["x-match"] = "all", ["n"] = 5, ["ok"] = true, ["text"] = "a \"b\"" });
        await channel.ExchangeBindAsync("inner", "shop", "x.*");
        for (var count = 0; count < 3; count++)
            await channel.BasicPublishAsync("", "orders", mandatory: false, new BasicProperties { DeliveryMode = DeliveryModes.Persistent }, "hello"u8.ToArray());

        await channel.BasicQosAsync(0, 2, global: false);
        await Consume(channel, "orders", autoAck: false, "tag-1", deliveries: 2, new Dictionary<string, object?> { ["x-priority"] = 3 });
        var second = await connection.CreateChannelAsync();
        await second.BasicQosAsync(0, 7, global: true);
        await Consume(second, "mine", autoAck: true, "tag-2", deliveries: 0, arguments: null);
        return connection;
    }

    private static async Task Consume(IChannel channel, string queue, bool autoAck, string tag, int deliveries, Dictionary<string, object?>? arguments)
    {
        var consumer = new AsyncEventingBasicConsumer(channel);
        using var came = new SemaphoreSlim(0);
        consumer.ReceivedAsync += (_, _) =>
        {
            came.Release();
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue, autoAck, tag, noLocal: false, exclusive: false, arguments, consumer);
        for (var count = 0; count < deliveries; count++) Assert.That(await came.WaitAsync(Patience.Answer), Is.True);
    }

    [GeneratedRegex(@"\e\[[01]m", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Bold();

    [GeneratedRegex(@"\n?\d\d:\d\d:\d\d\.\d+ \[warning\] [^\n]*\n", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LogLine();

    [GeneratedRegex(@"<[^<>\s]+@[^<>\s]+\.\d+\.\d+\.\d+>", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Pid();

    [GeneratedRegex(@"\b\w+@localhost", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NodeName();

    [GeneratedRegex(@"127\.0\.0\.1:\d+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PortNumber();
}
