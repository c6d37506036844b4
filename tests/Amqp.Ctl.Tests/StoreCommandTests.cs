using System.Text.Json;
using Amqp.Storage;
using Amqp.Storage.Lite;
using Amqp.Storage.Segments;

namespace Amqp.Ctl.Tests;

/// <summary>What <c>amqpctl store</c> says of directories that are whole, damaged, in use, too new, or none.</summary>
[NonParallelizable] // it replaces the console's streams
public class StoreCommandTests
{
    private StoreFolder _folder = null!;

    [SetUp]
    public void NewFolder() => _folder = new StoreFolder(StoreEngine.Journal);

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public async Task Info_prints_what_is_there()
    {
        var before = _folder.Fill().Snapshot();
        var (code, output, error) = await CommandLine.Run($"store info {_folder.Path}");
        Assert.That((code, error), Is.EqualTo((0, "")));
        Assert.That(output, Does.Contain("format\tversion 2, engine journal\n").And.Contains("openings\t1\n").And.Contains("queues\t2\n").And.Contains("segments\t1\n"));
        Assert.That(output, Does.Contain("messages of unknown queues\t1 of 1 queues\n"));
        Assert.That(output, Does.Match(@"vhost\tname\tmessages\tbytes\n/\tempty\t0\t0\n/\torders\t2\t\d{3}\n$"));
        Assert.That(_folder.Snapshot(), Is.EquivalentTo(before), "nothing was changed");
    }

    [Test]
    public async Task Info_as_json_can_be_read_by_programs()
    {
        _folder.Fill();
        var (code, output, _) = await CommandLine.Run($"store info --formatter json {_folder.Path}");
        Assert.That(code, Is.Zero);
        using var json = JsonDocument.Parse(output);
        var queue = json.RootElement.GetProperty("queues")[1];
        Assert.That((queue.GetProperty("name").GetString(), queue.GetProperty("messages").GetInt64()), Is.EqualTo(("orders", 2)));
        Assert.That(json.RootElement.GetProperty("engine").GetString(), Is.EqualTo("journal"));
    }

    [Test]
    public async Task Verify_finds_a_whole_directory_whole()
    {
        var before = _folder.Fill().Snapshot();
        var (code, output, error) = await CommandLine.Run($"store verify {_folder.Path}");
        Assert.That((code, error), Is.EqualTo((0, "")));
        Assert.That(output, Does.StartWith("segment 1 of 1\n").And.Contains("records Enqueue\t").And.Contains("records Closed\t1\n").And.EndsWith("whole\t0 damaged places\n"));
        Assert.That((await CommandLine.Run($"store verify -q {_folder.Path}")).Output, Does.StartWith("definitions\t2\n").And.Contains("messages\t3\n"));
        Assert.That(_folder.Snapshot(), Is.EquivalentTo(before), "nothing was changed");
    }

    [Test]
    public async Task Verify_names_what_is_damaged_and_whose_it_is()
    {
        _folder.Fill();
        var bytes = await File.ReadAllBytesAsync(_folder.Segment);
        var place = bytes.AsSpan().IndexOf("order 1"u8);
        bytes[place] ^= 1;
        await File.WriteAllBytesAsync(_folder.Segment, bytes);
        var before = _folder.Snapshot();
        var (code, output, _) = await CommandLine.Run($"store verify {_folder.Path}");
        Assert.That(code, Is.EqualTo(65));
        Assert.That(output, Does.Match(@"damaged\tmessages/000000000001\.seg, offset \d+, \d+ bytes: message 1 \(orders in /\)\n"));
        Assert.That(output, Does.Match(@"damaged\tmessages/000000000001\.seg, offset \d+, \d+ bytes: records \(orders in /(, queue number 5)?\)\n"));
        Assert.That(output, Does.Contain("messages\t2\n").And.EndsWith("damaged\t2 damaged places\n"));
        Assert.That(_folder.Snapshot(), Is.EquivalentTo(before), "nothing was changed");
    }

    [TestCase(3, "how it is laid out")]
    [TestCase(-10, "its index")]
    public async Task Verify_finds_what_only_recovery_reads(int place, string what)
    {
        _folder.Fill();
        var bytes = await File.ReadAllBytesAsync(_folder.Segment);
        // Behind the end of what is written stands nothing but zeros, up to the second header.
        var end = bytes.AsSpan(0, bytes.Length - 96).LastIndexOfAnyExcept((byte)0);
        bytes[place > 0 ? place : end + place] ^= 1;
        await File.WriteAllBytesAsync(_folder.Segment, bytes);
        var (code, output, _) = await CommandLine.Run($"store verify -q {_folder.Path}");
        Assert.That(code, Is.EqualTo(65));
        Assert.That(output, Does.Contain(what).And.EndsWith("damaged\t1 damaged places\n"));
    }

    [Test]
    public async Task Verify_reads_the_definitions_too()
    {
        _folder.Fill();
        var log = Path.Combine(_folder.Path, "definitions.log");
        await File.WriteAllTextAsync(log, (await File.ReadAllTextAsync(log)).Replace("orders", "Orders", StringComparison.Ordinal));
        await File.AppendAllTextAsync(log, "torn");
        var (code, output, _) = await CommandLine.Run($"store verify -q {_folder.Path}");
        Assert.That(code, Is.EqualTo(65));
        Assert.That(output, Does.Contain("damaged\tdefinitions.log: line 2 is damaged").And.Contains("cut off\tdefinitions.log, offset "));
    }

    [TestCase("info")]
    [TestCase("verify")]
    [TestCase("convert --to journal")]
    public async Task A_directory_in_use_is_69(string command)
    {
        _folder.Fill();
        using var broker = DataDirectory.Open(_folder.Path, "journal");
        await Expect(69, $"store {command} {_folder.Path}", "is used by another broker");
    }

    [TestCase("info")]
    [TestCase("verify")]
    [TestCase("convert --to journal")]
    public async Task A_newer_directory_is_69(string command)
    {
        await File.WriteAllTextAsync(Path.Combine(_folder.Path, "format.json"), """{"format":"amqp-net","version":3,"engine":"journal"}""");
        await Expect(69, $"store {command} {_folder.Path}", "format version 3");
    }

    [Test]
    public async Task Another_engine_is_69()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder.Path, "format.json"), """{"format":"amqp-net","version":2,"engine":"other"}""");
        await Expect(69, $"store info {_folder.Path}", "storage engine 'other'");
    }

    [TestCase("info")]
    [TestCase("verify")]
    [TestCase("convert --to journal")]
    public async Task What_is_no_data_directory_is_66(string command)
    {
        await Expect(66, $"store {command} {_folder.Path}", "is no data directory");
        await Expect(66, $"store {command} {_folder.Path}/nowhere", "is no data directory");
        Assert.That(Directory.GetFileSystemEntries(_folder.Path), Is.Empty, "none was made");
    }

    [Test]
    public async Task A_directory_that_was_never_used_is_whole()
    {
        DataDirectory.Open(_folder.Path, "journal").Dispose();
        var (code, output, _) = await CommandLine.Run($"store verify -q {_folder.Path}");
        Assert.That((code, output), Is.EqualTo((0, "definitions\t0\nmessages\t0\nwhole\t0 damaged places\n")));
        Assert.That((await CommandLine.Run($"store info {_folder.Path}")).Output, Does.Contain("openings\t0\n").And.EndsWith("vhost\tname\tmessages\tbytes\n"));
    }

    [Test]
    public async Task The_directory_must_be_named()
    {
        var (code, _, error) = await CommandLine.Run("store info");
        Assert.That(code, Is.EqualTo(64));
        Assert.That(error, Does.Contain("See `amqpctl store info --help`"));
    }

    [Test]
    public async Task Convert_moves_messages_to_the_other_engine_and_back()
    {
        _folder.Fill();
        var (code, output, _) = await CommandLine.Run($"store convert --to litedb {_folder.Path}");
        Assert.That((code, output), Is.EqualTo((0, "converted\t3 messages from journal to litedb, 1 segments copied, 0 were there already\n")));
        Assert.That((await CommandLine.Run($"store info {_folder.Path}")).Output, Does.Contain("engine litedb\n").And.Match(@"orders\t2\t\d{3}\n$"));
        Assert.That((await CommandLine.Run($"store verify -q {_folder.Path}")).Output, Does.Contain("messages\t3\n").And.EndsWith("whole\t0 damaged places\n"));
        Assert.That((await CommandLine.Run($"store convert -q --to journal {_folder.Path}")).Output, Does.StartWith("converted\t3 messages from litedb to journal"));
        Assert.That(_folder.Segment, Does.Exist);
    }

    [Test]
    public async Task Convert_to_the_engine_that_it_has_changes_nothing()
    {
        var before = _folder.Fill().Snapshot();
        var (code, output, error) = await CommandLine.Run($"store convert -q --to journal {_folder.Path}");
        Assert.That((code, output, error), Is.EqualTo((0, "unchanged\tthe engine is journal already\n", "")));
        Assert.That(_folder.Snapshot(), Is.EquivalentTo(before));
    }

    [Test]
    public async Task Convert_needs_an_engine_that_there_is()
    {
        var (code, _, error) = await CommandLine.Run($"store convert --to sqlite {_folder.Path}");
        Assert.That(code, Is.EqualTo(64));
        Assert.That(error, Does.Contain("sqlite"));
    }

    private static async Task Expect(int code, string line, string why)
    {
        var (found, output, error) = await CommandLine.Run(line);
        Assert.That((found, output), Is.EqualTo((code, "")));
        Assert.That(error, Does.StartWith("Error: ").And.Contains(why));
    }
}
