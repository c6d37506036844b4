using System.Buffers;
using System.Net;
using System.Net.Sockets;
using AMQP.Net;

namespace Amqp.Ctl.Tests;

/// <summary>What scripts rely on: exit codes, results on the standard output, everything else on the error stream.</summary>
[NonParallelizable] // it replaces the console's streams
public class CommandLineTests
{
    private static readonly byte[] Start = Frame(new ConnectionStart(
        0, 9, FieldTable.From(("product", FieldValue.From("Sample")), ("version", FieldValue.From("1.2.3"))), "PLAIN", "en_US"));

    [TestCase("")]
    [TestCase("nonsense")]
    [TestCase("ping --port abc")]
    [TestCase("ping --port 70000")]
    [TestCase("ping --timeout 0")]
    [TestCase("ping superfluous")]
    public async Task A_wrong_command_line_is_64(string line)
    {
        var (code, output, error) = await CommandLine.Run(line);
        Assert.That((code, output), Is.EqualTo((64, "")));
        Assert.That(error, Does.Contain("Usage\n\namqpctl "));
    }

    [TestCase("ping --port abc", "--port : abc")]
    [TestCase("ping -t 1,5", "-t : 1,5\n")]
    [TestCase("ping -t 1e3", "-t : 1e3\n")]
    [TestCase("ping -t 0 -x", "-t : 0\n-x : \n")]
    [TestCase("--vhost /h list_queues --offlin", "--offlin : \n")]
    [TestCase("list_queues --formatter xml", "--formatter : xml")]
    public async Task An_option_that_cannot_be_is_named(string line, string said)
    {
        var (code, _, error) = await CommandLine.Run(line);
        Assert.That(code, Is.EqualTo(64));
        Assert.That(error, Does.StartWith("Error (argument validation): Invalid options for this command:\n").And.Contains(said));
    }

    [TestCase("set_disk_free_limit 5\n")]
    [TestCase("set_disk_free_limit ٥")]
    [TestCase("set_disk_free_limit mem_relative 1,5")]
    [TestCase("set_vm_memory_high_watermark \t0.4")]
    public async Task A_number_with_something_around_it_is_65(string line)
    {
        var (code, _, error) = await CommandLine.Run(line);
        Assert.That(code, Is.EqualTo(65));
        Assert.That(error, Does.StartWith("Error (argument validation): Bad argument."));
    }

    [TestCase("list_queeus", "Did you mean 'list_queues'?")]
    [TestCase("decommission_node", "Available commands:")]
    public async Task An_unknown_command_is_64_and_the_nearest_is_named(string line, string said)
    {
        var (code, output, error) = await CommandLine.Run(line);
        Assert.That((code, output), Is.EqualTo((64, "")));
        Assert.That(error, Does.StartWith($"\nCommand '{line}' not found. \n").And.Contains(said));
    }

    [Test]
    public async Task Version_is_printed_alone() => Assert.That((await CommandLine.Run("version")).Output, Does.Match(@"^\d+\.\d+\.\d+\n$"));

    [Test]
    public async Task Ping_reaches_a_broker()
    {
        using var server = new ScriptedServer(Start);
        Assert.That(await CommandLine.Run($"ping -q --port {server.Port}"), Is.EqualTo((0, "Ping succeeded\n", "")));
    }

    [Test]
    public async Task What_a_broker_says_of_itself_is_printed()
    {
        using var server = new ScriptedServer(Start);
        Assert.That(
            await CommandLine.Run($"check_port_connectivity -q --port {server.Port}"),
            Is.EqualTo((0, "product\tSample\nversion\t1.2.3\nmechanisms\tPLAIN\n", "")));
    }

    [TestCase("HTTP/1.1 400 Bad Request\r\n", "not AMQP")]
    [TestCase("AMQP\0\0\t\u0001", "does not speak AMQP 0-9-1")]
    [TestCase("", "closed the connection")]
    [TestCase("AM", "does not speak AMQP 0-9-1")]
    public async Task What_is_no_broker_is_69(string answer, string why)
    {
        using var server = new ScriptedServer(System.Text.Encoding.Latin1.GetBytes(answer));
        await Expect69($"ping -q --port {server.Port}", why);
    }

    [Test]
    public async Task Another_first_word_is_69()
    {
        using var server = new ScriptedServer(Frame(default(ConnectionOpenOk)));
        await Expect69($"ping -q --port {server.Port}", "not connection.start");
    }

    [Test]
    public async Task Silence_is_69()
    {
        using var server = new ScriptedServer(answer: null);
        await Expect69($"ping -q --timeout 0.2 --port {server.Port}", "no answer within 0.2 s");
    }

    [Test]
    public async Task Nobody_there_is_69() => await Expect69($"check_port_connectivity -q --port {FreePort()}", "no broker at 127.0.0.1:");

    [Test]
    public async Task Await_startup_gives_up_with_75()
    {
        var (code, _, error) = await CommandLine.Run($"await_startup -q --timeout 0.3 --port {FreePort()}");
        Assert.That(code, Is.EqualTo(75), error);
    }

    [Test]
    public async Task Await_startup_waits_for_a_broker()
    {
        var port = FreePort();
        var waiting = CommandLine.Run($"await_startup -q --timeout 20 --port {port}");
        using var server = new TcpListener(IPAddress.Loopback, port);
        server.Start();
        using var client = await server.AcceptTcpClientAsync();
        await client.GetStream().WriteAsync(Start);
        Assert.That(await waiting, Is.EqualTo((0, "", "")));
    }

    private static async Task Expect69(string line, string why)
    {
        var (code, output, error) = await CommandLine.Run(line);
        Assert.That((code, output), Is.EqualTo((69, "")));
        Assert.That(error, Does.StartWith("Error: ").And.Contains(why));
    }

    private static byte[] Frame<TMethod>(TMethod method)
        where TMethod : struct, IMethod<TMethod>
    {
        var bytes = new ArrayBufferWriter<byte>();
        FrameWriter.WriteMethod(bytes, 0, method);
        return bytes.WrittenSpan.ToArray();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
