using Amqp.Storage.Segments;

namespace Amqp.Storage.Tests;

/// <summary>A directory is served by the engine that wrote it; what cannot be is said with what to do.</summary>
public sealed class EngineChoiceTests
{
    private static readonly StoreEngine LiteDb = new("litedb", "messages-litedb", _ => new PlainMedium());
    private static readonly StoreEngine[] Both = [LiteDb, StoreEngine.Journal];

    private readonly string _path = Directory.CreateTempSubdirectory("amqp-choice-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_path, recursive: true);

    [TestCase("auto", null, "litedb")]
    [TestCase("auto", "litedb", "litedb")]
    [TestCase("auto", "journal", "journal")]
    [TestCase("journal", null, "journal")]
    [TestCase("journal", "journal", "journal")]
    [TestCase("litedb", "litedb", "litedb")]
    public void Auto_leaves_it_to_the_directory(string setting, string? owner, string expected)
    {
        var choice = Choose(setting, owner, Both);
        Assert.That(choice.Engine.Name, Is.EqualTo(expected));
        Assert.That(choice.Why, Is.Not.Empty);
    }

    [Test]
    public void A_directory_of_an_engine_that_is_not_known_is_refused() =>
        Refuses("auto", "rocks", Both, "written by the storage engine 'rocks', which this version does not have; it has 'litedb' and 'journal'");

    [Test]
    public void An_engine_that_is_not_known_cannot_be_asked_for() => Refuses("rocks", null, Both, "There is no storage engine 'rocks'");

    [TestCase("journal", "litedb")]
    [TestCase("litedb", "journal")]
    public void A_directory_of_the_other_engine_is_refused_and_can_be_converted(string setting, string owner) =>
        Refuses(setting, owner, Both, $"`amqpctl store convert --to {setting} {_path}`");

    private EngineChoice Choose(string setting, string? owner, StoreEngine[] engines)
    {
        if (owner is not null) DataDirectory.Open(_path, owner).Dispose();
        return EngineChoice.For(setting, _path, engines);
    }

    private void Refuses(string setting, string? owner, StoreEngine[] engines, string message) =>
        Assert.That(() => Choose(setting, owner, engines), Throws.TypeOf<StorageException>().With.Message.Contains(message));
}
