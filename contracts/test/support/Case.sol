// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Opening, Record, Row, Shown} from "../../src/audit/Convictions.sol";
import {Keys} from "../../src/libraries/Keys.sol";
import {Batch, Place, Source} from "../../src/Types.sol";
import {Steps} from "./Steps.sol";
import {World} from "./World.sol";
import {vm} from "./Test.sol";

/// @dev A model with an index of four rows, and a batch of two records that were scored by the rules.
/// Rows: 0 of contributor 1, 1 of 3, 2 of 3, 3 unused. Query (1, 2, 0, …): scores 5, 9, -3.
contract Case is World {
    bytes constant NO_ROW = "";
    uint32 scored;
    bytes query;
    bytes[4] rows;
    uint32[4] rowOf;
    bytes32[4] leaf;

    struct Drawn {
        uint256 id;
        Place place;
        Batch batch;
        bytes leaves;
        Opening opening;
    }

    function vector(int8 a, int8 b) internal pure returns (bytes memory v) {
        v = new bytes(32);
        (v[0], v[1]) = (bytes1(uint8(a)), bytes1(uint8(b)));
    }

    function populateCase() internal {
        populate();
        query = vector(1, 2);
        rows = [vector(1, 2), vector(-1, 5), vector(1, -2), bytes("")];
        rowOf = [uint32(1), 3, 3, 0];
        for (uint256 i; i < 3; ++i) leaf[i] = keccak256(abi.encodePacked(rowOf[i], rows[i]));
        bytes32 index = keccak256(abi.encode(_node(0), _node(2)));
        Source[] memory s = new Source[](1);
        s[0] = Source(1, 1, 10_000);
        vm.prank(OWNER);
        scored = models.register(base, 0, [bytes32("h"), "m", index], s, 0, 0, "");
    }

    function _node(uint256 i) internal view returns (bytes32) {
        return keccak256(abi.encode(leaf[i], leaf[i + 1]));
    }

    function rowAt(uint32 position) internal view returns (Row memory r) {
        r.position = position;
        (r.contributor, r.row) = (rowOf[position], rows[position]);
        r.path = new bytes32[](2);
        r.path[0] = leaf[position ^ 1];
        r.path[1] = _node(position < 2 ? 2 : 0);
    }

    function entry(uint32 id, uint32 row, uint32 score) internal pure returns (bytes memory) {
        return abi.encodePacked(id, row, score);
    }

    /// @dev The honest drawn record: 10 tokens, 640 units; 5 of 14 to contributor 1, 9 of 14 to 3.
    function honestEntries() internal pure returns (bytes memory) {
        return bytes.concat(entry(1, 0, 5), entry(3, 1, 9));
    }

    function honestList() internal pure returns (bytes memory) {
        return Steps.two(1, uint16(640 * uint256(5) / 14), 3, uint16(640 * uint256(9) / 14));
    }

    function item(uint16 tokens, bytes memory list) internal pure returns (bytes memory) {
        return abi.encodePacked(tokens, uint16(list.length), list);
    }

    /// @dev Two equal records, so that it is all one which is drawn.
    function openingOf(bytes memory entries, uint32 unattributed, bytes memory list) internal view returns (Opening memory o) {
        o.count = 2;
        o.lists = bytes.concat(item(10, list), item(10, list));
        o.record = Record("salt", "prompt", "output", keccak256(query), keccak256(entries), unattributed, 10);
        (o.query, o.entries) = (query, entries);
        o.path = new bytes32[](1);
        o.path[0] = keccak256(abi.encode(o.record));
        o.recordsRoot = keccak256(abi.encode(o.path[0], o.path[0]));
    }

    /// @dev What both records' lists sum to: 65,535 * sum / units.
    function leavesOfList(uint16 w1, uint16 w3) internal pure returns (bytes memory) {
        return Steps.two(1, uint16(65_535 * uint256(w1) / 640), 3, uint16(65_535 * uint256(w3) / 640));
    }

    function honestLeaves() internal pure returns (bytes memory) {
        return leavesOfList(uint16(640 * uint256(5) / 14), uint16(640 * uint256(9) / 14));
    }

    function settleOpening(Opening memory o, bytes memory leaves) internal returns (Drawn memory d) {
        d.opening = o;
        d.leaves = leaves;
        bytes32 transcripts = keccak256(abi.encode(keccak256(o.lists), o.recordsRoot, o.count));
        d.id = settleAs(PAYER, scored, 0, 10 ether, transcripts, leaves);
        d.batch = batches[d.id];
        // Any posted checkpoint shows where the batch stands, right or wrong.
        bytes32[] memory roots = new bytes32[](1);
        roots[0] = "whatever";
        (, uint256 parent,,) = settlement.progress();
        bytes32 before = settlement.checkpoint(parent).root;
        d.place = Place(post(parent, 0, roots), 0, before, roots[0], new bytes32[](0));
    }

    /// @dev Ends the epoch and makes the beacon's hash one that draws the batch, or one that does not.
    function drawing(Drawn memory d, bool drawn) internal {
        uint256 epoch = d.batch.time / 8 days;
        vm.warp((epoch + 1) * 8 days);
        audit.close(epoch);
        (uint64 beacon,,) = audit.draws(epoch);
        vm.roll(beacon + 1);
        for (uint256 i;; ++i) {
            bytes32 h = keccak256(abi.encode("beacon", i));
            bytes32 seed = keccak256(abi.encode(h, epoch));
            if ((uint256(keccak256(abi.encode(seed, d.id))) % 10_000 < 200) == drawn) {
                vm.setBlockhash(beacon, h);
                break;
            }
        }
        audit.seed(epoch);
    }

    function revealed(Drawn memory d) internal {
        drawing(d, true);
        vm.prank(PAYER);
        audit.reveal(d.place, d.batch, d.opening, "sealed");
    }

    function shown(Drawn memory d) internal pure returns (Shown memory s) {
        return Shown(keccak256(d.opening.lists), d.opening.record, d.opening.query, d.opening.entries);
    }
}
