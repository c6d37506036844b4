namespace Amqp.Storage.Segments;

/// <summary>Which engine serves a data directory, and why.</summary>
/// <param name="Why">For the log: the rest of a sentence about the engine.</param>
public sealed record EngineChoice(StoreEngine Engine, string Why)
{
    /// <summary>The setting that leaves it to the directory.</summary>
    public const string Auto = "auto";

    /// <summary>Every engine that there is, in this build or in another.</summary>
    public static IReadOnlyList<string> Names { get; } = ["litedb", "journal"];

    /// <summary>Chooses the engine for a directory.</summary>
    /// <param name="setting"><see cref="Auto"/>, or the name of an engine.</param>
    /// <param name="path">The directory, which may be new.</param>
    /// <param name="builtIn">The engines of this build; the first one is for new directories.</param>
    /// <exception cref="StorageException">This build does not have it, the directory was written by another one, or it is none.</exception>
    public static EngineChoice For(string setting, string path, IReadOnlyList<StoreEngine> builtIn)
    {
        var owner = DataDirectory.EngineOf(path);
        if (setting != Auto)
        {
            var asked = Find(setting, builtIn)
                ?? throw new StorageException($"Storage:Engine is '{setting}', and this build of the broker does not have that engine; it has {List(builtIn)}. "
                    + $"Let Storage:Engine be auto, or build where the package of {setting} restores: `make` says whether it does.");
            if (owner is not null && owner != setting) throw DataDirectory.WrittenByAnother(path, owner, setting);
            return new(asked, "Storage:Engine says so");
        }
        if (owner is null)
        {
            var why = builtIn.Count > 1 ? "the data directory is new" : "the data directory is new, and this build has no other";
            return new(builtIn[0], why);
        }
        return new(Of(owner, path, builtIn), "it wrote the data directory");
    }

    /// <summary>The engine that a directory belongs to.</summary>
    /// <exception cref="StorageException">This build does not have it.</exception>
    public static StoreEngine Of(string owner, string path, IReadOnlyList<StoreEngine> builtIn) => Find(owner, builtIn)
        ?? throw new StorageException($"The data directory '{path}' was written by the storage engine '{owner}', which this build does not have; it has "
            + $"{List(builtIn)}. Use a build that has it, or let the `amqpctl store convert` of such a build convert the directory.");

    /// <summary>The engine that is asked for by name.</summary>
    /// <exception cref="StorageException">This build does not have it.</exception>
    public static StoreEngine Of(string name, IReadOnlyList<StoreEngine> builtIn) => Find(name, builtIn)
        ?? throw new StorageException($"This build does not have the storage engine '{name}'; it has {List(builtIn)}. `make` says why, where the broker is built.");

    private static StoreEngine? Find(string name, IReadOnlyList<StoreEngine> engines) => engines.FirstOrDefault(engine => engine.Name == name);

    private static string List(IReadOnlyList<StoreEngine> engines) => string.Join(" and ", engines.Select(engine => $"'{engine.Name}'"));
}
