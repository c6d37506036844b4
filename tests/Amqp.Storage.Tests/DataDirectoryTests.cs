using System.Runtime.Versioning;
using Amqp.Core.Records;

namespace Amqp.Storage.Tests;

public class DataDirectoryTests
{
    private readonly string _path = Directory.CreateTempSubdirectory("amqp-data-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_path, recursive: true);

    [Test]
    public void A_directory_is_made_and_says_what_it_is()
    {
        var path = Path.Combine(_path, "new", "data");
        Assert.That(DataDirectory.EngineOf(path), Is.Null);
        using (DataDirectory.Open(path, "journal")) Assert.That(DataDirectory.EngineOf(path), Is.EqualTo("journal"));
        Assert.That(File.ReadAllText(Path.Combine(path, "format.json")), Is.EqualTo("""{"format":"amqp-net","version":2,"engine":"journal"}"""));
        using var again = DataDirectory.Open(path, "journal");
        Assert.That(again.FullPath, Is.EqualTo(path));
    }

    [Test]
    public void Two_brokers_do_not_share_a_directory()
    {
        using var first = DataDirectory.Open(_path, "journal");
        Assert.That(() => DataDirectory.Open(_path, "journal"), Throws.TypeOf<StorageException>().With.Message.Contains("used by another broker"));
    }

    [Test]
    public void A_directory_belongs_to_one_engine()
    {
        DataDirectory.Open(_path, "litedb").Dispose();
        Assert.That(() => DataDirectory.Open(_path, "journal"), Throws.TypeOf<StorageException>().With.Message.Contains("'litedb'"));
    }

    [TestCase("""{"format":"amqp-net","version":3,"engine":"journal"}""", "format version 3, and this broker reads version 2 alone. Start the newer broker")]
    [TestCase("""{"format":"amqp-net","version":1,"engine":"journal"}""", "format version 1, and this broker reads version 2 alone. Start the older broker")]
    [TestCase("""{"format":"something","version":1,"engine":"journal"}""", "not readable as the description")]
    [TestCase("""{"format":"amqp-net"}""", "not readable as the description")]
    [TestCase("", "not readable as the description")]
    public void A_directory_that_is_not_ours_is_left_alone(string format, string message)
    {
        File.WriteAllText(Path.Combine(_path, "format.json"), format);
        Assert.That(() => DataDirectory.Open(_path, "journal"), Throws.TypeOf<StorageException>().With.Message.Contains(message));
        Assert.That(() => DataDirectory.EngineOf(_path), Throws.TypeOf<StorageException>());
        Assert.That(File.ReadAllText(Path.Combine(_path, "format.json")), Is.EqualTo(format));
    }

    [Test]
    public void A_file_is_no_directory()
    {
        var file = Path.Combine(_path, "file");
        File.WriteAllText(file, "");
        Assert.That(() => DataDirectory.Open(file, "journal"), Throws.TypeOf<StorageException>().With.Message.Contains("cannot be used"));
    }

    [Test]
    [UnsupportedOSPlatform("windows")]
    [Platform("Linux,MacOsX")]
    public void A_directory_that_may_not_be_written_is_named()
    {
        Assume.That(Environment.IsPrivilegedProcess, Is.False, "the superuser may write everywhere");
        var mode = File.GetUnixFileMode(_path);
        File.SetUnixFileMode(_path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            Assert.That(() => DataDirectory.Open(_path, "journal"), Throws.TypeOf<StorageException>().With.Message.Contains(_path));
        }
        finally
        {
            File.SetUnixFileMode(_path, mode);
        }
    }

    [Test]
    public void The_checksum_is_the_one_of_the_literature() => Assert.That(Crc32C.Of("123456789"u8), Is.EqualTo(0xE3069283));
}
