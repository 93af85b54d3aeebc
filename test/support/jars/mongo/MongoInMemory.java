import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/** A server of MongoDB's wire protocol, in memory, on loopback at the port of its argument. */
class MongoInMemory {
  /** Clients of today refuse servers as old as this one says it is; what they say to it has not changed since. */
  static class Today implements MongoVersion {
    public List<Integer> getVersionArray() {
      return List.of(7, 0, 0);
    }

    public int getWireVersion() {
      return 21;
    }
  }

  public static void main(String[] arguments) {
    new MongoServer(new MemoryBackend().version(new Today())).bind("127.0.0.1", Integer.parseInt(arguments[0]));
  }
}
